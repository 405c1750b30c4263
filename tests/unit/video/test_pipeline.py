"""The pipeline never hangs, whatever fails where, and always says what failed first."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from facegate.video.pipeline import Channel, Flow, Pipeline, Stopped

LENGTH = 60
DEPTH = 2
SECONDS = 20.0


class FaultError(Exception):
    """Planted."""


class FaultOutsideException(BaseException):
    """Planted; no `except Exception` sees it."""


def within(step: Callable[[], Any]) -> Any:
    """What the step gives or raises; a failed test if it hangs."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append((step(), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive(), "it hangs"
    value, error = result[0]
    if error is not None:
        raise error
    return value


def numbers(length: int = LENGTH, fail_at: int = -1, fault: BaseException | None = None) -> Iterator[int]:
    for number in range(length + 1):
        if number == fail_at:
            assert fault is not None
            raise fault
        if number < length:
            yield number


def passing(fail_at: int = -1, fault: BaseException | None = None) -> Callable[[Iterator[int]], Iterator[int]]:
    def stage(items: Iterator[int]) -> Iterator[int]:
        count = 0
        for item in items:
            if count == fail_at:
                assert fault is not None
                raise fault
            count += 1
            yield item
        if fail_at >= count:
            assert fault is not None
            raise fault

    return stage


def holding(lag: int, fail_at: int = -1, fault: BaseException | None = None) -> Callable[..., Iterator[int]]:
    """A stage that keeps items back, as a follower and an encoder do."""

    def stage(items: Iterator[int]) -> Iterator[int]:
        held: list[int] = []
        for item in passing(fail_at, fault)(items):
            held.append(item)
            if len(held) > lag:
                yield held.pop(0)
        yield from held

    return stage


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("stage ")}


def test_items_come_out_in_order_and_all_threads_end() -> None:
    def go() -> list[int]:
        with Pipeline(numbers(), passing(), holding(7), passing(), depth=DEPTH) as pipeline:
            return list(pipeline)

    assert within(go) == list(range(LENGTH))
    assert threads() == set()


@pytest.mark.parametrize("fault", [FaultError("planted"), MemoryError(), FaultOutsideException(), KeyboardInterrupt()])
@pytest.mark.parametrize("where", range(4))
def test_an_error_of_any_stage_at_any_item_comes_out(where: int, fault: BaseException) -> None:
    for position in range(LENGTH + 1):
        plan = [(-1, None)] * 4
        plan[where] = (position, fault)  # type: ignore[call-overload]
        source, first, second, third = plan
        seen: list[int] = []

        def go() -> None:
            stages = (passing(*first), holding(9, *second), passing(*third))  # noqa: B023
            with Pipeline(numbers(LENGTH, *source), *stages, depth=DEPTH) as pipeline:  # noqa: B023
                seen.extend(pipeline)  # noqa: B023

        with pytest.raises(type(fault)) as caught:
            within(go)
        assert caught.value is fault, (where, position)
        assert seen == list(range(len(seen))), "what came out before is right"
        assert len(seen) <= position
        assert threads() == set(), (where, position)
        fault.__traceback__ = None


def test_an_error_of_the_consumer_at_any_item_ends_all() -> None:
    for position in range(LENGTH):

        def go() -> None:
            with Pipeline(numbers(), passing(), holding(5), depth=DEPTH) as pipeline:
                for item in pipeline:
                    if item == position:  # noqa: B023
                        raise FaultError

        with pytest.raises(FaultError):
            within(go)
        assert threads() == set(), position


def test_a_consumer_that_stops_early_ends_all() -> None:
    for wanted in range(LENGTH):

        def go() -> list[int]:
            with Pipeline(numbers(10**9), passing(), holding(5), depth=DEPTH) as pipeline:
                return [item for item, _ in zip(pipeline, range(wanted), strict=False)]  # noqa: B023

        assert within(go) == list(range(wanted))
        assert threads() == set(), wanted


def test_a_stage_that_ends_early_ends_what_is_before_it() -> None:
    def three(items: Iterator[int]) -> Iterator[int]:
        for _ in range(3):
            yield next(items)

    def go() -> list[int]:
        with Pipeline(numbers(10**9), passing(), three, passing(), depth=DEPTH) as pipeline:
            return list(pipeline)

    assert within(go) == [0, 1, 2]
    assert threads() == set()


def test_the_first_cause_stays() -> None:
    first, later = FaultError("first"), FaultError("later")
    failed = threading.Event()

    def early(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            if item == 5:
                failed.set()
                raise first
            yield item

    def late(items: Iterator[int]) -> Iterator[int]:
        try:
            yield from items
        finally:
            assert failed.wait(5)
            time.sleep(0.02)
            raise later

    with pytest.raises(FaultError) as caught:
        within(lambda: list(Pipeline(numbers(), early, late, depth=DEPTH)))
    assert caught.value is first


def test_an_error_after_the_last_item_is_an_error() -> None:
    def late(items: Iterator[int]) -> Iterator[int]:
        yield from items
        raise FaultError

    for stages in ([late], [late, passing()], [passing(), late]):
        with pytest.raises(FaultError):
            within(lambda: list(Pipeline(numbers(), *stages, depth=DEPTH)))  # noqa: B023


def test_generators_are_closed_in_the_thread_that_ran_them() -> None:
    closed: list[tuple[str, str]] = []

    def noting(name: str) -> Callable[[Iterator[int]], Iterator[int]]:
        def stage(items: Iterator[int]) -> Iterator[int]:
            ran = threading.current_thread().name
            try:
                yield from items
            finally:
                closed.append((name, "same" if threading.current_thread().name == ran else "other"))

        return stage

    def go() -> None:
        with Pipeline(numbers(), noting("a"), noting("b"), depth=DEPTH) as pipeline:
            next(pipeline)

    within(go)
    assert sorted(closed) == [("a", "same"), ("b", "same")]


def test_no_more_items_live_than_the_queues_may_hold() -> None:
    class Thing:
        pass

    alive: weakref.WeakSet[Thing] = weakref.WeakSet()
    most = 0

    def things() -> Iterator[Thing]:
        nonlocal most
        for _ in range(200):
            thing = Thing()
            alive.add(thing)
            most = max(most, len(alive))
            yield thing
            del thing

    def through(items: Iterator[Thing]) -> Iterator[Thing]:
        for item in items:  # noqa: UP028 - the frame of a stage holds an item
            yield item

    def go() -> None:
        with Pipeline(things, through, through, depth=DEPTH) as pipeline:
            for thing in pipeline:
                time.sleep(0.0005)
                del thing

    within(go)
    gc.collect()
    assert most <= 3 * DEPTH + 2 * 3 + 1, most
    assert not alive


def test_heavy_items_fill_a_queue() -> None:
    flow = Flow()
    channel = Channel[int](flow, 10, weight=float)
    for item in (4, 6):
        channel.put(item)
    blocked = threading.Thread(target=lambda: channel.put(1), daemon=True)
    blocked.start()
    blocked.join(0.1)
    assert blocked.is_alive(), "there is no room"
    assert next(channel) == 4
    blocked.join(SECONDS)
    assert not blocked.is_alive()
    assert [next(channel), next(channel)] == [6, 1]
    channel.put(1000)  # one that could never fit passes alone
    assert next(channel) == 1000


def test_what_waits_for_something_else_on_the_flow_is_stopped_too() -> None:
    """As a writer whose buffer nobody empties."""

    def stuck(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            with pipeline.flow.changed:
                pipeline.flow.wait_for(lambda: False)
            yield item

    pipeline: Pipeline[int] = Pipeline(numbers(), stuck, depth=DEPTH)
    pipeline.start()
    time.sleep(0.05)
    within(pipeline.close)
    assert threads() == set()
    with pipeline.flow.changed, pytest.raises(Stopped):
        pipeline.flow.wait_for(lambda: True)


def test_a_system_without_threads_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real = threading.Thread.start
    started = []

    def start(thread: threading.Thread) -> None:
        if thread.name == "stage 2":
            raise RuntimeError("can't start new thread")
        started.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError):
        next(Pipeline(numbers(), passing(), passing(), depth=DEPTH))
    monkeypatch.undo()
    assert len(started) == 2
    assert threads() == set()
