"""Hundreds of requests in front of eight places, or a thousand: each is served once, in order, or refused.

``python -m benchmarks.load`` measures it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import facegate
from facegate.errors import BusyError
from facegate.memory.locks import kernel_locked_bytes
from facegate.metrics import Event
from facegate.receipt import Receipt
from tests.conftest import child_of, descendants, eventually

REQUESTS = int(os.environ.get("FACEGATE_LOAD", "300"))
PLACES = 8
SPARES = 2
TOO_MANY = 40
CANCELLED = 30
ROOT = Path(__file__).parents[2]


def holdings() -> tuple[int, int, int, int]:
    """Descriptors, processes below this one, locked bytes, maps of ours."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text(encoding="ascii")
    return (
        len(os.listdir("/proc/self/fd")),
        len(descendants()),
        kernel_locked_bytes(),
        len(re.findall("facegate|secretmem", maps)),
    )


class Crowd:
    """Requests by number: even ones in threads, odd ones as tasks."""

    def __init__(self, gate: facegate.Gate) -> None:
        self.gate = gate
        self.requests: dict[int, facegate.Request] = {}
        self.refused: list[tuple[int, BusyError]] = []
        self.granted: dict[int, float] = {}
        self.pids: list[int] = []
        self.most_open = 0
        self._guard = threading.Lock()

    def request(self, number: int) -> facegate.Request:
        made = self.requests[number] = self.gate.open_request(f"load-{number}", purpose="generation")
        return made

    def thread(self, number: int) -> None:
        request = self.request(number)
        try:
            with request:
                self._serve(number, request)
        except BusyError as error:
            self.refused.append((number, error))

    async def task(self, number: int) -> None:
        request = self.request(number)
        try:
            async with request:
                self._serve(number, request)
                await asyncio.sleep(0)
        except BusyError as error:
            self.refused.append((number, error))

    def _serve(self, number: int, request: facegate.Request) -> None:
        with self._guard:
            assert number not in self.granted, "served twice"
            self.granted[number] = request.turn.since
            self.pids.append(child_of(request).pid)
            self.most_open = max(self.most_open, len(self.gate._open))


@pytest.mark.timeout(900)
def test_requests_are_served_once_in_their_order_or_refused_as_stated() -> None:
    events: list[Event] = []
    receipts: list[Receipt] = []
    policy = facegate.Policy(max_open=PLACES, max_waiting=REQUESTS, max_wait=600.0, spares=SPARES)
    gate = facegate.Gate(policy, metrics=events.append, on_receipt=receipts.append)
    with gate, ThreadPoolExecutor(REQUESTS // 2 + 1) as threads:
        crowd = Crowd(gate)
        # The threads, their stacks and the spares are there from here on.
        list(threads.map(lambda _: threading.Event().wait(0.001), range(REQUESTS)))
        with gate.open_request("load-first", purpose="generation"):
            pass
        assert gate.pool.wait_full(60)
        before = holdings()

        async def main() -> list[int]:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(ThreadPoolExecutor(PLACES))
            held = [gate.open_request(f"load-held-{number}", purpose="generation") for number in range(PLACES)]
            for each in held:
                await asyncio.to_thread(each.open)
            tasks: dict[int, asyncio.Task[None]] = {}
            for number in range(REQUESTS):  # each is in the queue before the next comes
                if number % 2 == 0:
                    threads.submit(crowd.thread, number)
                else:
                    tasks[number] = asyncio.create_task(crowd.task(number))
                while gate.load.waiting <= number:
                    await asyncio.sleep(0)
            full = descendants()
            assert len(full) <= PLACES + SPARES + 1, "who waits holds no child"
            # One more is refused at once, by thread or task, and the queue stays as it is.
            for number in range(REQUESTS, REQUESTS + TOO_MANY, 2):
                await asyncio.to_thread(crowd.thread, number)
                await crowd.task(number + 1)
            assert gate.load.waiting == REQUESTS
            cancelled = [number for number in tasks if number % 5 == 0][:CANCELLED]
            for number in cancelled:
                tasks[number].cancel()
            await asyncio.gather(*(tasks[number] for number in cancelled), return_exceptions=True)
            assert gate.load.waiting == REQUESTS - len(cancelled)
            for each in held:
                await asyncio.to_thread(each.close)
            await asyncio.gather(*(task for number, task in tasks.items() if number not in cancelled))
            return cancelled

        cancelled = asyncio.run(main())
        assert eventually(lambda: gate.load.open == gate.load.waiting == 0, 600)
        served = [number for number in range(REQUESTS) if number not in cancelled]
        assert sorted(crowd.granted) == served
        assert sorted(crowd.granted, key=crowd.granted.__getitem__) == served, "not in the order in which they came"
        assert sorted(number for number, _ in crowd.refused) == list(range(REQUESTS, REQUESTS + TOO_MANY))
        assert all(error.retry_after >= 1 and f"{REQUESTS} wait" in error.reason for _, error in crowd.refused)
        assert 1 <= crowd.most_open <= PLACES
        assert len(crowd.pids) == len(set(crowd.pids)), "two requests shared a child"
        # What was told adds up, and so do the receipts: an OPEN and a CLOSE for each that was served, none for others.
        told = Counter((each.name, each.reason) for each in events)
        assert told == {
            ("queued", None): REQUESTS,
            ("opened", None): len(served) + PLACES + 1,
            ("closed", None): len(served) + PLACES + 1,
            ("refused", "full"): TOO_MANY,
            ("refused", "cancelled"): len(cancelled),
        }
        assert max(each.load.open for each in events) == PLACES
        phases = Counter(each.phase for each in receipts)
        assert phases == {"OPEN": len(served) + PLACES + 1, "CLOSE": len(served) + PLACES + 1}
        crowd.requests.clear()
        assert gate.pool.wait_full(60)
        assert eventually(lambda: holdings() == before), f"{before} -> {holdings()}"
    assert eventually(lambda: not descendants())


def test_the_benchmark_of_it_holds_in_short(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.load", "--profile", "short", "--json", str(tmp_path / "load.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    assert result["control_seen"]
    assert result["files_created"] == []
    for each in result["runs"]:
        assert each["outcomes"] == {"abandoned": result["requests"]}
        assert each["out_of_order"] == 0
        # The worker, the zygote, the spares, one of which may be in the making, and the places.
        assert each["memory"]["processes"] <= 2 + result["spares"] + 1 + result["places"]
    queue = next(each for each in result["runs"] if each["kind"] == "queue")
    # All come at once, and some are served while the last threads are still being started.
    assert queue["most_waiting"] > result["requests"] // 2
    assert "files created: 0" in done.stdout
