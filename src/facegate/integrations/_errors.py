"""Calls of the worker's own code in a request: what it raises comes out without what it worked on."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from facegate.errors import FacegateError, GenerationError

if TYPE_CHECKING:
    from facegate.request import Request


def calling(request: Request, passes: tuple[type[Exception], ...]) -> Callable[..., Any]:
    """What calls a function for a request.

    An exception of the function's is replaced by a `GenerationError`, because its message, its frames and what it is
    linked with may hold what the function worked on. facegate's own come out as they are, as do those of `passes` and
    what is no `Exception`, such as ``KeyboardInterrupt``; these with empty frames and without links.

    Args:
        request: named in the error.
        passes: exceptions to let out.
    """

    def call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except BaseException as error:  # noqa: BLE001 (raised again below, or named)
            kept = _without_content(error, passes, request)
        # Outside of the except clause, so that it gets no context.
        try:
            raise kept
        finally:
            del kept

    return call


def _without_content(error: BaseException, passes: tuple[type[Exception], ...], request: Request) -> BaseException:
    stays = isinstance(error, (FacegateError, *passes)) or not isinstance(error, Exception)
    # The first is the call above.
    where = [f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)[1:]]
    _clear(error)
    if stays:
        error.__cause__ = error.__context__ = None
        return error
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    place = f" at {where[-1]}" if where else ""
    return GenerationError(
        f"The pipeline, or what feeds it, raised {name}{place}; its message may hold what it worked on and is dropped.",
        error=name,
        where=where,
        request_id=request.request_id,
    )


def _clear(error: BaseException) -> None:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        waiting += [each.__cause__, each.__context__]
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else []
