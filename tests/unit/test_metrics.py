"""The metrics hook: what it is told, when, and that it can hurt nobody."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

import facegate
from facegate.errors import BusyError, DecodeError, LockLimitError, PolicyError, RequestClosedError
from facegate.metrics import Event
from tests.conftest import child_of, eventually

NewId = Callable[[], str]


class Ear:
    """Remembers; an object with a method `record`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)

    def take(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear()


@pytest.fixture(scope="module")
def gate(ear: Ear) -> Iterator[facegate.Gate]:
    """A gate with one place, one seat and the ear."""
    policy = facegate.Policy(max_open=1, max_waiting=1, max_wait=0.3, spares=1)
    with facegate.Gate(policy, metrics=ear) as made:
        yield made


def test_a_request_is_opened_and_closed(gate: facegate.Gate, ear: Ear, astronaut: bytes, new_id: NewId) -> None:
    assert gate.pool.wait_full(30)
    ear.take()
    with gate.open_request(new_id(), purpose="generation") as request:
        request.finish(request.redact(request.admit(astronaut)))
    opened, closed = ear.take()
    assert (opened.name, opened.queued, opened.seconds_waiting, opened.load.open) == ("opened", False, 0.0, 1)
    assert (closed.name, closed.outcome, closed.reason, closed.load.open) == ("closed", "finished", None, 0)
    assert closed.seconds_open > 0
    assert 0 < closed.seconds_purge < 5
    assert closed.declined == 0


def test_a_failed_request_is_closed_with_its_outcome(gate: facegate.Gate, ear: Ear, new_id: NewId) -> None:
    ear.take()
    with pytest.raises(DecodeError), gate.open_request(new_id(), purpose="generation") as request:
        request.admit(b"\xff\xd8\xff\xe0" + bytes(100))
    assert [(each.name, each.outcome) for each in ear.take()] == [("opened", None), ("closed", "exception")]


def test_who_waits_is_counted_in_and_out(gate: facegate.Gate, ear: Ear, new_id: NewId) -> None:
    first = gate.open_request(new_id(), purpose="generation")
    first.open()
    ear.take()
    with pytest.raises(BusyError):  # waits too long
        gate.open_request(new_id(), purpose="generation").open()
    queued, refused = ear.take()
    assert (queued.name, queued.load.waiting) == ("queued", 1)
    assert (refused.name, refused.reason, refused.queued, refused.load.waiting) == ("refused", "waited", True, 0)
    assert 0.29 < refused.seconds_waiting < 5
    late = gate.open_request(new_id(), purpose="generation")
    waiting = threading.Thread(target=late.open)
    waiting.start()
    assert eventually(lambda: gate.load.waiting == 1)
    with pytest.raises(BusyError):  # finds the seat taken
        gate.open_request(new_id(), purpose="generation").open()
    first.close()
    waiting.join()
    late.close()
    told = [(each.name, each.reason, each.queued) for each in ear.take()]
    assert told[:2] == [("queued", None, False), ("refused", "full", False)]
    assert sorted(map(str, told[2:])) == sorted(
        map(str, [("closed", None, False), ("opened", None, True), ("closed", None, False)])
    )


def test_cancelled_and_failed_ones_are_refused(
    gate: facegate.Gate, ear: Ear, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear.take()

    async def cancelled() -> None:
        task = asyncio.create_task(gate.open_request(new_id(), purpose="generation").turn.take_async())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    with gate.open_request(new_id(), purpose="generation"):
        asyncio.run(cancelled())

    def no_room() -> None:
        raise LockLimitError("no room")

    monkeypatch.setattr(gate.pool, "take", no_room)
    with pytest.raises(LockLimitError):
        gate.open_request(new_id(), purpose="generation").open()
    assert [(each.reason, each.queued) for each in ear.take() if each.name == "refused"] == [
        ("cancelled", True),
        ("failed", False),
    ]


def test_declined_calls_are_counted_not_named(gate: facegate.Gate, ear: Ear, new_id: NewId) -> None:
    ear.take()
    with gate.open_request(new_id(), purpose="generation") as request:
        listener = child_of(request)._listener
        if listener is None:
            pytest.skip("this kernel gives no listener of system calls")
        listener.declined.update(socket=2, getrandom=1)
    *_, closed = ear.take()
    assert closed.declined == 3
    assert "socket" not in str(asdict(closed))


def test_events_hold_counts_times_and_words_of_short_lists(
    gate: facegate.Gate, ear: Ear, astronaut: bytes, new_id: NewId
) -> None:
    ear.take()
    name = new_id()
    with gate.open_request(name, purpose="generation") as request:
        request.analyze(request.admit(astronaut))
    with pytest.raises(RequestClosedError):
        request.open()
    for event in ear.take():
        content = asdict(event)
        assert set(content) == {
            *("name", "load", "queued", "reason", "outcome"),
            *("seconds_waiting", "seconds_open", "seconds_purge", "declined"),
        }
        assert set(content["load"]) == {"open", "waiting", "spares"}
        assert name not in str(content)
        assert gate.gate_id not in str(content)
        assert "512" not in str({**content, **dict.fromkeys(("seconds_waiting", "seconds_open", "seconds_purge"), 0.0)})


def test_it_is_told_without_a_lock_and_may_use_the_gate(new_id: NewId) -> None:
    held: list[str] = []
    open_custodies: list[facegate.custody.Custody] = []  # type: ignore[name-defined]

    def look(event: Event) -> None:
        locks = {"gate": gate._guard, "turns": gate._turns._guard, "reports": gate._reports._guard}
        for custody in open_custodies:
            locks |= {"state": custody._state, "busy": custody._busy}

        def attempt() -> None:  # from another thread, since one of them may be entered again by its owner
            for name, lock in locks.items():
                if lock.acquire(timeout=0.5):
                    lock.release()
                else:
                    held.append(f"{name} at {event.name}")

        attempting = threading.Thread(target=attempt)
        attempting.start()
        attempting.join()
        seen.append(event.name)
        if event.name == "closed" and len(seen) == 4:
            with gate.open_request(new_id(), purpose="generation"):
                pass

    seen: list[str] = []
    with facegate.Gate(facegate.Policy(max_open=1, max_waiting=1, max_wait=0.2, spares=0), metrics=look) as gate:
        with gate.open_request(new_id(), purpose="generation") as request:
            open_custodies.append(request._custody)
            with pytest.raises(BusyError):
                gate.open_request(new_id(), purpose="generation").open()
    assert held == []
    assert seen == ["opened", "queued", "refused", "closed", "opened", "closed"]


def test_what_it_raises_hurts_nobody_and_is_logged_once(
    new_id: NewId, astronaut: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Event) -> None:
        raise ValueError("the hook's own trouble: 4711")

    with facegate.Gate(facegate.Policy(spares=0), metrics=broken) as gate:
        for _ in range(2):
            with gate.open_request(new_id(), purpose="generation") as request:
                request.finish(request.redact(request.admit(astronaut)))
            assert facegate.verify(request.receipt).outcome == "finished"
        assert gate.metrics_failures == 4
    (record,) = [each for each in caplog.records if each.name.startswith("facegate")]
    assert (record.event, record.error, record.levelno) == ("metrics.failed", "ValueError", logging.WARNING)
    assert "4711" not in str(record.__dict__)


def test_something_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(PolicyError, match="callable"):
        facegate.Gate(metrics=3)  # type: ignore[arg-type]
