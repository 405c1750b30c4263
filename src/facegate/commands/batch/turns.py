"""How many requests are open at a time: fewer once the memory that may be locked has run out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from facegate.errors import LockLimitError

T = TypeVar("T")


class Turns:
    """Lets so many callers work at a time, and halves that when one finds no memory to lock. Thread-safe.

    Every open request locks memory, and how many fit below a host's limit is not known before it is tried.

    Args:
        most: callers at a time, at least 1.
    """

    def __init__(self, most: int) -> None:
        self._allowed = most
        self._active = 0
        self._changed = threading.Condition()

    def take(self, work: Callable[[], T]) -> T:
        """Do the work when it is its turn, and again in a smaller company if there was no memory to lock.

        Raises:
            LockLimitError: there was none though nobody else was at work.
        """
        while True:
            with self._turn() as company:
                try:
                    return work()
                except LockLimitError:
                    if company == 1:
                        raise
            with self._changed:
                # Whoever came with as many has found out already.
                if self._allowed == company:
                    self._allowed = max(1, company // 2)

    @contextmanager
    def _turn(self) -> Iterator[int]:
        with self._changed:
            self._changed.wait_for(lambda: self._active < self._allowed)
            self._active += 1
            company = self._allowed
        try:
            yield company
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()
