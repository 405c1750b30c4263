"""The queue by itself: order, bounds, waking, leaving; without children."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import pickle
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from facegate.errors import BusyError, PolicyError, RequestClosedError
from facegate.metrics import Event, Load
from facegate.reports import Reports
from facegate.turn import Turn
from facegate.turns import Turns
from tests.conftest import eventually


class Desk:
    """Turns, and what was told of them."""

    def __init__(self, places: int = 1, most_waiting: int = 1000, longest: float = 30.0) -> None:
        self.told: list[Event] = []
        self.turns = Turns(places, most_waiting, longest, Reports(self._tell, "gate", self._load))
        self._serial = itertools.count()

    def turn(self) -> Turn:
        return Turn(self.turns, f"turn-{next(self._serial)}")

    def held(self) -> Turn:
        turn = self.turn()
        turn.take()
        return turn

    @property
    def refused(self) -> list[str | None]:
        return [each.reason for each in self.told if each.name == "refused"]

    def _tell(self, event: Event) -> None:
        # Told with the lock free: another thread could take it.
        assert self.turns._guard.acquire(timeout=0), "told while the queue's lock was held"
        self.turns._guard.release()
        self.told.append(event)

    def _load(self) -> Load:
        return Load(self.turns.taken, self.turns.waiting, 0)


def waits(desk: Desk, count: int) -> Callable[[], bool]:
    return lambda: desk.turns.waiting == count


def test_threads_and_tasks_are_served_in_the_order_in_which_they_came() -> None:
    desk, served = Desk(), []
    first = desk.held()

    def thread(number: int) -> None:
        turn = desk.turn()
        turn.take()
        served.append(number)
        turn.give_back()

    async def task(number: int) -> None:
        turn = desk.turn()
        await turn.take_async()
        served.append(number)
        turn.give_back()

    async def main() -> None:
        tasks = []
        with ThreadPoolExecutor(50) as pool:
            for number in range(100):
                # Threads and tasks take turns, and each is in the queue before the next comes.
                if number % 2:
                    pool.submit(thread, number)
                    assert eventually(waits(desk, number + 1)), number
                else:
                    tasks.append(asyncio.create_task(task(number)))
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    assert desk.turns.waiting == number + 1
            first.give_back()
            await asyncio.gather(*tasks)

    asyncio.run(main())
    assert eventually(lambda: len(served) == 100)
    assert served == list(range(100))
    assert eventually(lambda: (desk.turns.taken, desk.turns.waiting) == (0, 0))


def test_nobody_overtakes_who_waits() -> None:
    desk = Desk()
    first, order = desk.held(), []

    def wait() -> None:
        turn = desk.turn()
        turn.take()
        order.append("waited")
        time.sleep(0.05)
        turn.give_back()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert eventually(waits(desk, 1))
    first.give_back()
    late = desk.held()  # comes when the place was given back, and finds it taken by whoever waited
    order.append("late")
    waiting.join()
    late.give_back()
    assert order == ["waited", "late"]


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    desk = Desk(places=2, most_waiting=1)
    held = [desk.held(), desk.held()]
    waiting = threading.Thread(target=desk.held)
    waiting.start()
    assert eventually(waits(desk, 1))
    begun = time.monotonic()
    with pytest.raises(
        BusyError, match=r"^2 requests are open and 1 wait, which is the most that the policy allows\."
    ) as one:
        desk.held()
    assert time.monotonic() - begun < 10
    assert one.value.request_id == "turn-3"
    assert desk.turns.waiting == 1
    assert desk.refused == ["full"]
    held[0].give_back()
    waiting.join()
    assert (desk.turns.taken, desk.turns.waiting) == (2, 0)


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_who_waits_too_long_is_refused_and_leaves_the_queue(kind: str) -> None:
    desk = Desk(longest=0.2)
    first, turn = desk.held(), desk.turn()
    begun = time.monotonic()
    with pytest.raises(BusyError, match=r"waited 0\.2 seconds") as refused:
        turn.take() if kind == "thread" else asyncio.run(turn.take_async())
    assert 0.19 < time.monotonic() - begun < 5
    assert refused.value.retry_after == 1
    assert desk.turns.waiting == 0
    assert desk.refused == ["waited"]
    first.give_back()
    assert desk.turns.taken == 0
    turn.take()  # the same request may try again
    turn.give_back()


def test_a_place_that_came_in_the_last_moment_is_taken() -> None:
    desk = Desk(longest=0.05)
    first, turn = desk.held(), desk.turn()
    ring = desk.turns.enter

    def deaf(which: Turn, _: object) -> bool:
        return ring(which, lambda: None)  # given the place, and not woken before the time is over

    desk.turns.enter = deaf  # type: ignore[method-assign]
    waiting = threading.Thread(target=turn.take)
    waiting.start()
    assert eventually(waits(desk, 1))
    first.give_back()
    waiting.join()
    assert turn.state == "held"
    turn.give_back()
    assert desk.turns.taken == 0


def test_a_cancelled_task_leaves_at_once_and_the_next_moves_up() -> None:
    desk = Desk()

    async def main() -> None:
        first = desk.held()
        turns = [desk.turn() for _ in range(3)]
        tasks = [asyncio.create_task(turn.take_async()) for turn in turns]
        await asyncio.sleep(0.01)
        assert desk.turns.waiting == 3
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert desk.turns.waiting == 2
        first.give_back()
        await tasks[1]
        assert [turn.state for turn in turns] == ["free", "held", "waiting"]
        turns[1].give_back()
        await tasks[2]
        turns[2].give_back()

    asyncio.run(main())
    assert (desk.turns.taken, desk.turns.waiting) == (0, 0)
    assert desk.refused == ["cancelled"]


def test_a_task_that_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    desk = Desk()

    async def main() -> None:
        first, turn, heir = desk.held(), desk.turn(), desk.turn()
        one, other = asyncio.create_task(turn.take_async()), asyncio.create_task(heir.take_async())
        await asyncio.sleep(0.01)
        first.give_back()
        assert turn.state == "held"
        one.cancel()  # before it has heard of its place
        with pytest.raises(asyncio.CancelledError):
            await one
        await asyncio.wait_for(other, 5)
        assert (turn.state, heir.state) == ("free", "held")
        heir.give_back()

    asyncio.run(main())
    assert (desk.turns.taken, desk.turns.waiting) == (0, 0)


def test_places_pass_over_a_loop_that_is_closed() -> None:
    desk = Desk()
    first, lost = desk.held(), desk.turn()
    loop = asyncio.new_event_loop()
    forsaken = loop.create_task(lost.take_async())
    loop.run_until_complete(asyncio.sleep(0.01))
    assert desk.turns.waiting == 1
    with contextlib.suppress(RuntimeError):
        loop.close()
    heir = desk.turn()
    waiting = threading.Thread(target=heir.take)
    waiting.start()
    assert eventually(waits(desk, 2))
    first.give_back()
    waiting.join(5)
    assert (lost.state, heir.state) == ("free", "held")
    forsaken._log_destroy_pending = False  # type: ignore[attr-defined]
    heir.give_back()
    assert desk.turns.taken == 0


def test_closing_wakes_everyone_with_an_error() -> None:
    desk, woken = Desk(), []
    first = desk.held()

    def thread() -> None:
        with pytest.raises(RequestClosedError, match=r"^The gate is closed\."):
            desk.turn().take()
        woken.append("thread")

    async def task() -> None:
        with pytest.raises(RequestClosedError, match=r"^The gate is closed\."):
            await desk.turn().take_async()
        woken.append("task")

    async def main() -> None:
        threads = [threading.Thread(target=thread) for _ in range(5)]
        for each in threads:
            each.start()
        tasks = [asyncio.create_task(task()) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert eventually(waits(desk, 10))
        begun = time.monotonic()
        desk.turns.close()
        await asyncio.gather(*tasks)
        for each in threads:
            each.join()
        assert time.monotonic() - begun < 20

    asyncio.run(main())
    assert sorted(woken) == ["task"] * 5 + ["thread"] * 5
    assert desk.refused == ["closed"] * 10
    with pytest.raises(RequestClosedError):
        desk.held()
    first.give_back()
    assert (desk.turns.taken, desk.turns.waiting) == (0, 0)


def test_a_turn_is_taken_once_and_given_back_once() -> None:
    desk = Desk(places=2)
    turn = desk.held()
    with pytest.raises(RequestClosedError, match="entered once"):
        turn.take()
    turn.give_back()
    turn.give_back()
    assert desk.turns.taken == 0
    assert len([desk.held(), desk.held()]) == desk.turns.taken == 2


def test_who_waits_is_a_small_object() -> None:
    desk = Desk()
    first = desk.held()
    number = 1000

    async def main() -> float:
        turns = [desk.turn() for _ in range(number)]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tasks = [asyncio.create_task(turn.take_async()) for turn in turns]
        await asyncio.sleep(0)
        assert desk.turns.waiting == number
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return used / number

    # The task, its frame, a future, a timer and the event that was told of it: asyncio's share is most of it.
    assert asyncio.run(main()) < 5000
    first.give_back()
    gc.collect()
    assert (desk.turns.taken, desk.turns.waiting) == (0, 0)


def test_when_to_try_again_is_estimated_from_how_long_requests_took() -> None:
    desk = Desk(places=1, most_waiting=0, longest=7.5)
    first = desk.held()
    with pytest.raises(BusyError) as refused:
        desk.held()
    assert refused.value.retry_after == 8, "nothing is known yet, so as long as one may wait"
    first.since -= 20  # it took so long
    first.give_back()
    busy = desk.held()
    with pytest.raises(BusyError) as refused:
        desk.held()
    assert refused.value.retry_after in {20, 21}
    busy.give_back()


def test_the_error_is_a_policy_error_and_survives_a_pickle() -> None:
    error = BusyError("Later.", retry_after=3, request_id="r")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, PolicyError)
    assert (again.reason, again.retry_after, again.request_id) == ("Later.", 3, "r")
    assert str(again) == "Later. [request r]"


def test_a_wait_for_longer_than_threads_can_wait() -> None:
    desk = Desk(longest=1e18)
    first, turn = desk.held(), desk.turn()
    waiting = threading.Thread(target=turn.take)
    waiting.start()
    assert eventually(waits(desk, 1))
    first.give_back()
    waiting.join(5)
    assert turn.state == "held"
