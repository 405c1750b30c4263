"""One request's turn, and the two ways to wait for it: in a thread, or as an asyncio task."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from facegate.errors import BusyError, RequestClosedError

if TYPE_CHECKING:
    from facegate.turns import Turns

State: TypeAlias = Literal["free", "waiting", "held"]
Ring: TypeAlias = Callable[[], object]


class Turn:
    """One request's: all that there is of it while it waits.

    Attributes:
        request_id: for errors.
        state: changed by `Turns` alone, as are the following, under its lock.
        since: when it began to wait, or got its place; of the monotonic clock.
        waited: seconds that it was in the queue until it got its place; None if there was one at once.
        ring: wakes whoever waits, while somebody does.
    """

    __slots__ = ("_turns", "request_id", "ring", "since", "state", "waited")

    def __init__(self, turns: Turns, request_id: str) -> None:
        self.request_id = request_id
        self.state: State = "free"
        self.since = 0.0
        self.waited: float | None = None
        self.ring: Ring | None = None
        self._turns = turns

    def take(self) -> None:
        """Hold a place; waits in this thread.

        Raises:
            BusyError: too many wait, or it took too long.
            RequestClosedError: the gate is closed, or was while this waited, or the request was entered before.
        """
        bell = threading.Lock()  # the smallest thing that a thread can wait for
        bell.acquire()
        if self._enter(bell.release):
            return
        try:
            self._turns.reports.queued(self.request_id)
            bell.acquire(timeout=self._turns.longest)
        except BaseException:
            self._cancel()
            raise
        self._settle()

    async def take_async(self) -> None:
        """Hold a place; waits without a thread. A cancellation leaves the queue at once.

        Raises:
            BusyError: too many wait, or it took too long.
            RequestClosedError: the gate is closed, or was while this waited, or the request was entered before.
        """
        loop = asyncio.get_running_loop()
        bell: asyncio.Future[None] = loop.create_future()
        if self._enter(lambda: loop.call_soon_threadsafe(_set, bell)):
            return
        try:
            self._turns.reports.queued(self.request_id)
            await asyncio.wait([bell], timeout=self._turns.longest)
        except BaseException:
            self._cancel()
            raise
        self._settle()

    def give_back(self) -> None:
        """Let go of the place, if this holds one."""
        self._turns.give_back(self)

    def _enter(self, ring: Ring) -> bool:
        try:
            return self._turns.enter(self, ring)
        except BusyError as error:
            self._turns.reports.refused(self.request_id, "full", retry_after=error.retry_after)
            raise
        except RequestClosedError:
            self._turns.reports.refused(self.request_id, "closed")
            raise

    def _settle(self) -> None:
        """After waiting: go on with the place that came, also in the last moment, or say why there is none."""
        waited = time.monotonic() - self.since
        was = self._turns.withdraw(self)
        if was == "held":
            return
        reports, seconds = self._turns.reports, self._turns.longest
        if was == "free":
            reports.refused(self.request_id, "closed", waited=waited)
            raise RequestClosedError("The gate is closed.", request_id=self.request_id)
        error = BusyError(
            f"The request waited {seconds:g} seconds for its turn, which is the longest that the policy allows.",
            retry_after=self._turns.retry_after,
            request_id=self.request_id,
        )
        reports.refused(self.request_id, "waited", waited=waited, retry_after=error.retry_after)
        raise error

    def _cancel(self) -> None:
        """Whoever waited does so no more; a place that came in the same moment goes to the next."""
        waited = time.monotonic() - self.since
        if self._turns.withdraw(self) == "held":
            self.give_back()
        self._turns.reports.refused(self.request_id, "cancelled", waited=waited)


def _set(bell: asyncio.Future[None]) -> None:
    if not bell.done():
        bell.set_result(None)
