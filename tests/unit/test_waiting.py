"""Requests that wait in front of a real gate: in threads, as tasks, cancelled, refused, and when the gate closes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

import facegate
from facegate.errors import BusyError, LockLimitError, PolicyError, RequestClosedError
from facegate.receipt import Receipt
from tests.conftest import eventually

NewId = Callable[[], str]


@pytest.fixture
def receipts() -> list[Receipt]:
    return []


@pytest.fixture
def gate(receipts: list[Receipt]) -> Iterator[facegate.Gate]:
    """A gate with one place and room for many to wait."""
    policy = facegate.Policy(max_open=1, max_waiting=200, max_wait=60, spares=1)
    with facegate.Gate(policy, on_receipt=receipts.append) as made:
        yield made
        assert (made.load.open, made.load.waiting) == (0, 0)
        assert not made._open


@pytest.mark.parametrize("wrong", [{"max_waiting": -1}, {"max_waiting": 1.5}, {"max_waiting": True}, {"max_wait": 0}])
def test_policies_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="max_wait"):
        facegate.Policy(**wrong)


def test_by_default_nobody_waits(new_id: NewId) -> None:
    assert facegate.Policy().max_waiting == 0
    with facegate.Gate(facegate.Policy(max_open=1, spares=0)) as gate:
        with gate.open_request(new_id(), purpose="generation"):
            refused = gate.open_request(new_id(), purpose="generation")
            with pytest.raises(
                BusyError, match=r"^1 requests are open, which is the most that the policy allows\."
            ) as one:
                refused.open()
            assert one.value.retry_after >= 1
        with refused:  # the same request may try again
            assert refused.receipt is not None


def test_waiting_is_no_part_of_a_request_s_life(gate: facegate.Gate, receipts: list[Receipt], new_id: NewId) -> None:
    first = gate.open_request(new_id(), purpose="generation")
    first.open()
    late = gate.open_request(new_id(), purpose="generation", ttl=2.0)
    alive: list[bool] = []

    def wait() -> None:
        with late as request:
            alive.append(request.receipt is not None and request.receipt.phase == "OPEN")

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert eventually(lambda: gate.load.waiting == 1)
    time.sleep(2.5)
    let_go = time.monotonic()
    first.close()
    waiting.join()
    assert alive == [True], "its time to live began with its turn"
    assert late.opened_monotonic >= let_go
    verified = facegate.verify(late.receipt)
    opened, closed = datetime.fromisoformat(verified.opened_at), datetime.fromisoformat(verified.closed_at)
    assert (closed - opened).total_seconds() < 2
    assert [each.phase for each in receipts] == ["OPEN", "CLOSE", "OPEN", "CLOSE"]


def test_tasks_wait_without_threads(gate: facegate.Gate, nobody: bytes, new_id: NewId) -> None:
    served = []

    async def one(number: int) -> None:
        async with gate.open_request(new_id(), purpose="generation"):
            served.append(number)

    async def main() -> None:
        # More tasks wait than the loop has threads, and whoever is served needs one.
        async with gate.open_request(new_id(), purpose="generation") as request:
            tasks = [asyncio.create_task(one(number)) for number in range(60)]
            await asyncio.sleep(0.01)
            assert gate.load.waiting == 60
            upload = await asyncio.wait_for(request.admit(nobody), 30)
            assert len(await asyncio.wait_for(request.analyze(upload), 30)) == 0
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert served == list(range(60))


def test_a_task_that_is_cancelled_while_it_opens_leaves_nothing(
    gate: facegate.Gate, receipts: list[Receipt], new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taking, go_on = gate.pool.take, threading.Event(), threading.Event()

    def slow() -> Any:
        taking.set()
        assert go_on.wait(30)
        return take()

    monkeypatch.setattr(gate.pool, "take", slow)
    request = gate.open_request(new_id(), purpose="generation")

    async def enter() -> None:
        async with request:
            raise AssertionError("entered")

    async def main() -> None:
        task = asyncio.create_task(enter())
        await asyncio.to_thread(taking.wait, 30)
        for _ in range(3):  # whoever is impatient cancels more than once
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert facegate.verify(request.receipt).outcome == "cancelled"
    assert [each.phase for each in receipts] == ["OPEN", "CLOSE"]


def test_the_end_of_a_loop_leaves_nothing_open(
    gate: facegate.Gate, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = gate.pool.take
    monkeypatch.setattr(gate.pool, "take", lambda: (time.sleep(0.3), take())[1])
    requests = [gate.open_request(new_id(), purpose="generation") for _ in range(3)]

    async def enter(request: facegate.Request) -> None:
        async with request:
            await asyncio.sleep(60)

    async def main() -> None:
        kept = [asyncio.create_task(enter(each)) for each in requests]
        await asyncio.sleep(0.1)
        assert len(kept) == 3  # now the loop ends: it cancels all its tasks, one of which opens and two of which wait

    asyncio.run(main())
    assert (gate.load.open, gate.load.waiting) == (0, 0)
    assert facegate.verify(requests[0].receipt).outcome == "cancelled"
    assert requests[1].receipt is requests[2].receipt is None


def test_a_place_is_given_back_when_no_child_can_be_had(
    gate: facegate.Gate, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(gate.pool, "take", _no_room)
        for _ in range(3):
            with pytest.raises(LockLimitError), gate.open_request(new_id(), purpose="generation"):
                pass
        assert gate.load.open == 0
    with gate.open_request(new_id(), purpose="generation"):
        assert gate.load.open == 1


def _no_room() -> None:
    raise LockLimitError("no room")


def test_a_gate_that_closes_refuses_whoever_waits(new_id: NewId) -> None:
    gate = facegate.Gate(facegate.Policy(max_open=1, max_waiting=10, max_wait=60, spares=0))
    opened = gate.open_request(new_id(), purpose="generation")
    opened.open()
    ends: list[str] = []

    def wait() -> None:
        with pytest.raises(RequestClosedError) as closed, gate.open_request(new_id(), purpose="generation"):
            pass
        ends.append(closed.value.reason)

    waiting = [threading.Thread(target=wait) for _ in range(4)]
    for each in waiting:
        each.start()
    assert eventually(lambda: gate.load.waiting == 4)
    begun = time.monotonic()
    gate.close()
    for each in waiting:
        each.join()
    assert time.monotonic() - begun < 20
    assert ends == ["The gate is closed."] * 4
    assert facegate.verify(opened.receipt).outcome == "cancelled"
    assert (gate.load.open, gate.load.waiting) == (0, 0)


def test_a_gate_that_closes_ends_a_request_that_is_just_opening(
    receipts: list[Receipt], new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = facegate.Gate(facegate.Policy(spares=0), on_receipt=receipts.append)
    keep = gate._keep

    def close_first(receipt: Receipt) -> None:
        keep(receipt)
        if receipt.phase == "OPEN":
            gate.close()  # after its receipt, before the gate knows of it

    monkeypatch.setattr(gate, "_keep", close_first)
    request = gate.open_request(new_id(), purpose="generation")
    with pytest.raises(RequestClosedError, match=r"^The gate is closed\."):
        request.open()
    assert [each.phase for each in receipts] == ["OPEN", "CLOSE"]
    assert gate.load.open == 0
