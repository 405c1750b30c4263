"""Errors that carry nothing of the upload: not in their words, and not in the frames that their tracebacks keep alive.

A traceback holds every frame that it went through, and each frame its locals: the upload's bytes, arrays, answers of
the child. Tools that print locals (`traceback.TracebackException(capture_locals=True)`, cgitb, rich, error trackers)
would put them into logs, and a kept exception would keep them in memory. So what leaves facegate is emptied.
Imported on both sides, so nothing heavy may be imported here.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_LIBRARIES = frozenset({"facegate", "numpy"}) | sys.stdlib_module_names


def quiet(operation: Callable[P, T]) -> Callable[P, T]:
    """Decorator: what the operation raises has no locals of ours in its traceback, its own arguments included.

    Does not protect against: the caller's frames, which are the caller's; a debugger that stops before the error is
    through.
    """

    @functools.wraps(operation)
    def emptied(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return operation(*arguments, **options)
        except BaseException as error:
            empty_frames(error)
            raise
        finally:
            del arguments, options

    return emptied


def quiet_async(operation: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """`quiet` for a coroutine function."""

    @functools.wraps(operation)
    async def emptied(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return await operation(*arguments, **options)
        except BaseException as error:
            empty_frames(error)
            raise
        finally:
            del arguments, options

    return emptied


def empty_frames(error: BaseException) -> None:
    """Clear the locals of facegate's frames, and of the libraries' that they called, wherever the error has been.

    Frames of the user's code that facegate called, a file object's for one, stay as they are.
    """
    for each in _chain(error):
        ours = False
        for frame in _frames(each.__traceback__):
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            ours = ours or package == "facegate"
            if ours and package in _LIBRARIES:
                with suppress(RuntimeError):  # still running; what it holds, its own decorator sees to
                    frame.clear()


def forget(error: BaseException) -> None:
    """Clear every frame that the error has been through, and its links to other errors; for a child after a refusal.

    The collector is off in a child, so a cycle through an exception would keep the upload's pixels for good.
    """
    for each in list(_chain(error)):
        for frame in _frames(each.__traceback__):
            with suppress(RuntimeError):
                frame.clear()
        each.__traceback__ = each.__context__ = each.__cause__ = None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and contexts, and the members of groups, each once."""
    waiting, seen = [error], {id(error)}
    while waiting:
        each = waiting.pop()
        yield each
        linked = [each.__cause__, each.__context__]
        linked += each.exceptions if isinstance(each, BaseExceptionGroup) else []
        for other in linked:
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)


def _frames(trace: TracebackType | None) -> Iterator[Any]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next
