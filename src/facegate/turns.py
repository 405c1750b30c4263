"""Whose turn it is: places for open requests, and the queue of those that wait for one."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from facegate.errors import BusyError, RequestClosedError

if TYPE_CHECKING:
    from facegate.reports import Reports
    from facegate.turn import Ring, State, Turn

# How much of the mean time that a place is held for comes from the last request: some ten of them are remembered.
_WEIGHT: Final = 0.1


class Turns:
    """Gives places, first come first served, to threads and asyncio tasks alike. Thread-safe.

    Invariants, under `_guard`: nobody waits while a place is free; a place that is given back goes to whoever has
    waited longest before anybody else can see it, so nobody overtakes; a turn is in `_queue` exactly while its state is
    "waiting". Whoever gets a place is woken outside the lock, and nothing is told while it is held.

    Args:
        places: requests open at a time.
        most_waiting: turns that may wait; one more is refused at once.
        longest: seconds that one may wait.
        reports: told who waits and who is refused.
    """

    def __init__(self, places: float, most_waiting: int, longest: float, reports: Reports) -> None:
        self.longest = min(longest, threading.TIMEOUT_MAX)  # more, and no thread can wait for it
        self.reports = reports
        self._places = places
        self._most_waiting = most_waiting
        self._guard = threading.Lock()
        self._queue: OrderedDict[Turn, None] = OrderedDict()
        self._taken = 0
        self._closed = False
        self._mean_held: float | None = None

    @property
    def taken(self) -> int:
        """Places that are held."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Turns in the queue."""
        return len(self._queue)

    @property
    def retry_after(self) -> int:
        """Whole seconds until one more would probably have its turn, by how long the last requests took."""
        if self._mean_held is None:
            return math.ceil(self.longest)
        return max(1, math.ceil((len(self._queue) + 1) * self._mean_held / self._places))

    def enter(self, turn: Turn, ring: Ring) -> bool:
        """Take a place if one is free, else a place in the queue; whether it was the former.

        Args:
            turn: of a request.
            ring: wakes whoever waits for it, from any thread; raises RuntimeError if nobody can be woken.

        Raises:
            BusyError: the queue is full.
            RequestClosedError: the gate is closed, or the request waits or is open already.
        """
        with self._guard:
            if turn.state != "free":
                raise RequestClosedError("A request is entered once.", request_id=turn.request_id)
            if self._closed:
                raise RequestClosedError("The gate is closed.", request_id=turn.request_id)
            turn.since, turn.waited = time.monotonic(), None
            if self._taken < self._places:
                self._taken += 1
                turn.state = "held"
                return True
            if len(self._queue) < self._most_waiting:
                self._queue[turn] = None
                turn.state, turn.ring = "waiting", ring
                return False
        waits = f" and {self._most_waiting} wait" if self._most_waiting else ""
        raise BusyError(
            f"{self._places} requests are open{waits}, which is the most that the policy allows.",
            retry_after=self.retry_after,
            request_id=turn.request_id,
        )

    def withdraw(self, turn: Turn) -> State:
        """Take a turn out of the queue; returns what it was: "held" if its place came first, "free" after `close`."""
        with self._guard:
            was = turn.state
            if was == "waiting":
                del self._queue[turn]
                turn.state, turn.ring = "free", None
            return was

    def give_back(self, turn: Turn) -> None:
        """Let go of a place, which whoever has waited longest gets; nothing happens if the turn holds none."""
        while (heir := self._pass_on(turn)) is not None:
            turn, ring = heir
            try:
                ring()
            except RuntimeError:  # its event loop is closed, so nobody will come for the place: on to the next
                continue
            return

    def _pass_on(self, turn: Turn) -> tuple[Turn, Ring] | None:
        """Give the place to the next in the queue, who is returned with what wakes them."""
        with self._guard:
            if turn.state != "held":
                return None
            now = time.monotonic()
            held = now - turn.since
            turn.state = "free"
            self._mean_held = held if self._mean_held is None else self._mean_held + _WEIGHT * (held - self._mean_held)
            if not self._queue:
                self._taken -= 1
                return None
            heir, _ = self._queue.popitem(last=False)
            heir.state, heir.since, heir.waited = "held", now, now - heir.since
            ring, heir.ring = heir.ring, None
            return heir, ring or _nobody

    def close(self) -> None:
        """Give no more places and wake all who wait, who then raise; idempotent."""
        with self._guard:
            self._closed = True
            rings = [turn.ring or _nobody for turn in self._queue]
            for turn in self._queue:
                turn.state, turn.ring = "free", None
            self._queue.clear()
        for ring in rings:
            try:
                ring()
            except RuntimeError:  # its event loop is closed: there is nobody to tell
                continue


def _nobody() -> None:
    """Nobody waits."""
