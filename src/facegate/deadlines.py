"""One thread that purges requests whose time to live is over."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from facegate.logs import log


class Deadlines:
    """Calls functions at their time, one after the other, in a daemon thread that starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, seconds: float, action: Callable[[], None]) -> int:
        """Call `action` in `seconds` unless `cancel` gets the returned number first."""
        with self._changed:
            number = next(self._numbers)
            heapq.heappush(self._heap, (time.monotonic() + seconds, number, action))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="facegate-deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()
            return number

    def cancel(self, number: int) -> None:
        """Forget an action; one that runs already is not stopped."""
        with self._changed:
            remaining = [entry for entry in self._heap if entry[1] != number]
            if len(remaining) != len(self._heap):
                heapq.heapify(remaining)
                self._heap = remaining

    def close(self) -> None:
        """End the thread; actions that are not due are forgotten."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, action = heapq.heappop(self._heap)
            try:
                action()
            except Exception as error:  # noqa: BLE001
                # The next request's deadline matters more than this thread's exception; its class is all that is said.
                log("gate", "deadline.failed", error=type(error).__name__)
            # Or this thread would keep the request, which is over, until another one's time is.
            del action
