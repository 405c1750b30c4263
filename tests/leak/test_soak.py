"""Many requests from many threads: every result belongs to its request, and nothing grows.

A short profile by default; ``FACEGATE_SOAK=1000`` (``make soak``) is the full one.
"""

from __future__ import annotations

import gc
import itertools
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import facegate
from facegate.memory.locks import kernel_locked_bytes
from fixtures.portraits import portrait
from tests.conftest import child_of, descendants, encode, eventually

REQUESTS = int(os.environ.get("FACEGATE_SOAK", "96"))
THREADS = 8


def resident() -> int:
    """Resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_results_belong_to_their_requests_and_nothing_grows() -> None:
    # Portraits shifted by known amounts: whose landmarks came back can be told from where they are.
    uploads = [encode(np.roll(portrait("astronaut"), 12 * step, axis=1)) for step in range(THREADS)]
    expected: list[np.ndarray] = []
    pids: list[int] = []
    guard = threading.Lock()
    serial = itertools.count()

    with facegate.Gate(facegate.Policy(spares=2, max_open=2 * THREADS)) as gate:

        def analyze(which: int) -> np.ndarray:
            with gate.open_request(f"soak-{next(serial)}", purpose="generation") as request:
                with guard:
                    pids.append(child_of(request).pid)
                faces = request.analyze(request.admit(uploads[which]), scan="large")
                with faces.subject.expose("landmarks") as xyz:
                    copy = xyz.copy()  # the test's own crime
                assert not xyz.any()
            assert facegate.verify(request.receipt).outcome == "finished" or request.receipt.phase == "CLOSE"
            return copy

        def state() -> tuple[int, int, int, int]:
            gc.collect()
            return (
                len(os.listdir("/proc/self/fd")),
                len(descendants()),
                kernel_locked_bytes(),
                len(re.findall("facegate|secretmem", Path("/proc/self/maps").read_text(encoding="ascii"))),
            )

        expected = [analyze(which) for which in range(THREADS)]
        means = np.array([each[:, 0].mean() for each in expected])
        assert (np.diff(means) > 4).all(), "the uploads cannot be told apart"

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(analyze, range(THREADS)))  # the pool's threads and their stacks exist from here on
            assert gate.pool.wait_full(30)
            before, memory = state(), resident()
            order = [number % THREADS for number in range(REQUESTS)]
            for which, found in zip(order, threads.map(analyze, order), strict=True):
                assert (found == expected[which]).all(), "a result of another request"
            assert gate.pool.wait_full(30)
            assert eventually(lambda: state() == before), f"{before} -> {state()}"
            assert resident() - memory < 8 << 20, "memory grew"
    assert len(pids) == len(set(pids)), "two requests shared a child"
