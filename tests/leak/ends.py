"""Many requests, one in ten ended by a random end, in a worker of its own; prints what was left as JSON.

``python -m tests.leak.ends REQUESTS SEED PHOTO``. Each end is real: signals to the child and the zygote, forks of the
worker, limits of the kernel. Ends of the worker itself are in `test_ends_campaign.py`, since this is the worker.
"""

from __future__ import annotations

import asyncio
import collections
import gc
import itertools
import json
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import facegate
from facegate.custody import Custody
from facegate.errors import FacegateError
from facegate.memory.locks import kernel_locked_bytes
from tests.conftest import child_of, descendants, eventually

THREADS = 4


class EndedError(Exception):
    """What a body raises."""


def fails(error: type[BaseException]) -> None:
    raise error


def kills_child(request: facegate.Request, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child_of(request).pid, number)


def hangs(request: facegate.Request) -> None:
    """A child that is stopped, ended by a cancellation from outside."""
    kills_child(request, signal.SIGSTOP)
    threading.Timer(0.05, request.cancel).start()


def forks(request: facegate.Request) -> None:
    """A fork of the worker, which must find nothing and end nothing."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if request._custody._child.arena._address else 1)
    os.waitpid(pid, 0)
    raise EndedError


def kills_zygote(gate: facegate.Gate) -> None:
    with suppress(ProcessLookupError, FacegateError):
        os.kill(gate.pool.zygote().pid, signal.SIGKILL)


def ends(gate: facegate.Gate) -> dict[str, Callable[[facegate.Request], None]]:
    """Every way to end a request from the inside of its worker, by name."""
    return {
        "exception": lambda _: fails(EndedError),
        "KeyboardInterrupt": lambda _: fails(KeyboardInterrupt),
        "CancelledError": lambda _: fails(asyncio.CancelledError),
        "cancel": lambda request: request.cancel(),
        "abandoned": lambda _: None,
        "SIGKILL": lambda request: kills_child(request, signal.SIGKILL),
        "SIGSEGV": lambda request: kills_child(request, signal.SIGSEGV),
        "SIGABRT": lambda request: kills_child(request, signal.SIGABRT),
        "SIGTERM": lambda request: kills_child(request, signal.SIGTERM),
        "SIGXCPU": lambda request: kills_child(request, signal.SIGXCPU),
        "hang": hangs,
        "fork": forks,
        "zygote": lambda _: kills_zygote(gate),
        "expired": lambda _: time.sleep(0.35),
    }


def main(requests: int, seed: int, photo: Path) -> dict[str, Any]:
    """Run the campaign and report."""
    data = photo.read_bytes()
    purges: list[float] = []
    outcomes: collections.Counter[str] = collections.Counter()
    unreceipted = 0
    nonzero = 0
    serial = itertools.count()
    guard = threading.Lock()
    end = Custody.end

    def timed(custody: Custody, ending: Any) -> None:
        # From the kill to the moment when the child is reaped and the arena zeroed and read back; first caller only.
        first = not custody._purging
        begun = time.perf_counter()
        end(custody, ending)
        if first:
            purges.append(time.perf_counter() - begun)

    Custody.end = timed  # type: ignore[method-assign]

    with facegate.Gate(facegate.Policy(spares=2, max_open=2 * THREADS)) as gate:
        named = ends(gate)

        def one(plan: tuple[str | None, int]) -> None:
            nonlocal unreceipted, nonzero
            end_name, _ = plan
            ttl = 0.3 if end_name == "expired" else 60.0
            xyz = None
            request = gate.open_request(f"end-{next(serial)}", purpose="generation", ttl=ttl)
            with suppress(FacegateError, EndedError, KeyboardInterrupt, asyncio.CancelledError), request:
                upload = request.admit(data)
                faces = request.analyze(upload, scan="large")
                with faces.subject.expose("landmarks") as xyz:
                    assert xyz.any()
                    if end_name is not None:
                        named[end_name](request)
                        request.analyze(upload)
            if request._custody is None:  # its zygote died before it began, so there was nothing to end
                with guard:
                    outcomes["never opened"] += 1
                return
            assert xyz is None or not xyz.any()  # None: another's end took the zygote before there was a result
            verified = facegate.verify(request.receipt)
            with guard:
                unreceipted += verified.outcome is None
                nonzero += verified.purge.bytes_nonzero
                outcomes[f"{end_name or 'none'}: {verified.outcome}"] += 1

        def state() -> dict[str, int]:
            gc.collect()
            maps = Path("/proc/self/maps").read_text(encoding="ascii")
            return {
                "descriptors": len(os.listdir("/proc/self/fd")),
                "processes": len(descendants()),
                "locked": kernel_locked_bytes(),
                "mappings": maps.count("facegate") + maps.count("secretmem"),
            }

        dice = random.Random(seed)
        names = sorted(named)
        plans = [(dice.choice(names) if dice.random() < 0.1 else None, number) for number in range(requests)]
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(one, [(None, 0)] * THREADS))
            assert gate.pool.wait_full(60)
            before = state()
            purges.clear()
            list(threads.map(one, plans))
            assert gate.pool.wait_full(60)
            eventually(lambda: state() == before)
            after = state()
    eventually(lambda: not descendants())
    milliseconds = sorted(1e3 * each for each in purges)
    return {
        "before": before,
        "after": after,
        "orphans": len(descendants()),
        "unreceipted": unreceipted,
        "nonzero": nonzero,
        "outcomes": dict(sorted(outcomes.items())),
        "purges": len(milliseconds),
        "purge_ms": {
            "median": statistics.median(milliseconds),
            "p99": milliseconds[int(0.99 * len(milliseconds))],
            "max": milliseconds[-1],
        },
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
