"""Every point at which something outside of a process changes, counted; a process can be told to die at one of them.

Nothing of the product knows of this: the drivers, obstore and `os` are wrapped, in a process that ends afterwards.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import obstore
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

# What changes files and folders, the ledger's among them.
_OF_OS = ("write", "fsync", "fdatasync", "unlink", "remove", "rename", "replace", "mkdir", "rmdir", "ftruncate")
_OF_OBSTORE = ("put", "get", "head", "delete", "list")


class Steps:
    """Counts from `arm` to `disarm`.

    Args:
        die_at: number of the step at which the process kills itself; None only counts.

    Attributes:
        names: of the steps so far.
    """

    def __init__(self, die_at: int | None) -> None:
        self.names: list[str] = []
        self._die_at = die_at
        self._armed = False

    def arm(self) -> None:
        self._armed = True

    def disarm(self) -> None:
        self._armed = False

    def __call__(self, name: str) -> None:
        """One step."""
        if not self._armed:
            return
        if len(self.names) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.names.append(name)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with a step before it and one after it."""

        def counted(*arguments: Any, **named: Any) -> Any:
            self(f"before {name}")
            result = function(*arguments, **named)
            self(f"after {name}")
            return result

        return counted


def wrap_everything(steps: Steps) -> None:
    """Have all that changes something outside of this process take its steps, until the process ends."""
    for name in _OF_OS:
        setattr(os, name, steps.around(name, getattr(os, name)))
    for name in _OF_OBSTORE:
        setattr(obstore, name, steps.around(f"obstore.{name}", getattr(obstore, name)))
    _wrap_pieces(steps)
    for name in ("commit", "rollback"):
        whole = steps.around(name.upper(), getattr(DefaultDialect, f"do_{name}"))
        # A plain function, so that it is bound as the one that it replaces.
        setattr(DefaultDialect, f"do_{name}", _method(whole))

    def word(statement: str) -> str:
        return " ".join(statement.split()[:3])

    @event.listens_for(Engine, "before_cursor_execute")
    def _before(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        steps(f"before {word(statement)}")

    @event.listens_for(Engine, "after_cursor_execute")
    def _after(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        steps(f"after {word(statement)}")


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def bound(self: Any, *arguments: Any) -> Any:
        return function(self, *arguments)

    return bound


def _wrap_pieces(steps: Steps) -> None:
    """Each piece that obstore takes of a blob is a step, too: what came before may be on the disk."""
    put = obstore.put

    def counted(store: Any, path: str, pieces: Any, **named: Any) -> Any:
        if isinstance(pieces, bytes):
            return put(store, path, pieces, **named)

        def each() -> Iterator[bytes]:
            for number, piece in enumerate(pieces):
                steps(f"piece {number}")
                yield piece
            steps("last piece")

        return put(store, path, each(), **named)

    obstore.put = counted
