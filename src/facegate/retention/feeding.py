"""Pieces that are made in one thread and taken in another.

obstore pulls what it writes from within its own runtime, where nothing that uses obstore may run: pieces that come from
another store would end the process with a panic. Here they are made in the caller's thread, which encrypts while the
other writes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_AHEAD: Final = 4


class _Stopped(Exception):  # noqa: N818 (it is no error: it ends the taking, and goes no further)
    """The maker failed."""


def feed(pieces: Iterable[bytes], take: Callable[[Iterator[bytes]], object]) -> None:
    """Make pieces here and have them taken in a thread, a few ahead.

    Args:
        pieces: made in this thread.
        take: called with them in the other thread; where making one raises, they raise there, too, so that what was
            taken can be undone.

    Raises:
        BaseException: whatever making or taking a piece raised; the former if both did.
    """
    waiting: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
    made, failures = threading.Event(), list[BaseException]()
    ended = False

    def taken() -> Iterator[bytes]:
        nonlocal ended
        while (piece := waiting.get()) is not None:
            yield piece
        ended = True
        if not made.is_set():
            raise _Stopped

    def run() -> None:
        try:
            take(taken())
        except BaseException as error:  # noqa: BLE001 (raised in the other thread)
            failures.append(error)
        finally:
            while not ended and waiting.get() is not None:
                pass  # so that whoever makes them is not kept waiting

    thread = threading.Thread(target=run, name="facegate-retention-put", daemon=True)
    thread.start()
    try:
        for piece in pieces:
            if failures:
                break
            waiting.put(piece)
        made.set()
    finally:
        waiting.put(None)
        thread.join()
    if failures:
        raise failures[0]
