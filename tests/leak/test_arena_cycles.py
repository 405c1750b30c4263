"""Arenas made, filled, wiped and closed over and over: every byte is zero, and nothing is left in the process.

A short profile by default; ``FACEGATE_ARENA_CYCLES=100000`` is the full one.
"""

from __future__ import annotations

import gc
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

from facegate.memory.locks import kernel_locked_bytes
from facegate.memory.region import Region
from facegate.memory.secret import SecretRegion, secret_memory

CYCLES = int(os.environ.get("FACEGATE_ARENA_CYCLES", "2000"))
LARGEST = 64 << 10


def resident() -> int:
    """Resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held() -> tuple[int, int, int, int]:
    """VmLck, descriptors, maps of ours, all maps."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text(encoding="ascii", errors="replace")
    ours = maps.count("facegate-cycle") + maps.count("secretmem")
    return kernel_locked_bytes(), len(os.listdir("/proc/self/fd")), ours, maps.count("\n")


def make(secret: bool, size: int) -> Region:
    return SecretRegion("cycle", size) if secret else Region("cycle", size, locked=True)


def cycle(secret: bool, size: int, value: int) -> int:
    """One life of an arena with a window that is looked through before and after; its size."""
    region = make(secret, size)
    with region.buffer() as buffer:
        np.frombuffer(buffer, np.uint8)[:] = value
    region.seal()
    window = region.window()
    view = window.array(np.uint8, (region.size,))
    assert view[0] == view[-1] == value
    wiped = region.wipe()
    assert (wiped.bytes_wiped, wiped.bytes_reread, wiped.bytes_nonzero) == (region.size, region.size, 0)
    assert not np.count_nonzero(view), "a third look at it, neither the map written nor the one read back"
    window.revoke()
    region.close()
    return region.size


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(False, id="memfd"),
        pytest.param(
            True,
            id="secret",
            marks=pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret"),
        ),
    ],
)
def test_arena_cycles(secret: bool, record_property: pytest.FixtureRequest) -> None:
    chance = random.Random(7)
    for _ in range(200):  # caches of the interpreter and of numpy fill up; one class per size of a window
        cycle(secret, chance.randint(1, LARGEST), 1)
    for size in range(4096, LARGEST + 1, 4096):
        cycle(secret, size, 1)
    before, memory, begun, total, most = held(), resident(), time.monotonic(), 0, 0
    for number in range(CYCLES):
        total += cycle(secret, chance.randint(1, LARGEST), chance.randint(1, 255))
        if number % 1000 == 999:
            most = max(most, resident())
            assert held()[:3] == before[:3]
    after = held()
    assert after[:3] == before[:3]
    assert after[3] <= before[3] + 4, "maps of the allocator may come and go, ours not"
    grown = max(most, resident()) - memory
    assert grown < 4 << 20
    figures = (
        f"{CYCLES} cycles, {total} bytes re-read as zero in {time.monotonic() - begun:.1f} s; VmLck {before[0]} -> "
        f"{after[0]}, descriptors {before[1]} -> {after[1]}, maps {before[3]} -> {after[3]}, resident {grown:+d} bytes"
    )
    record_property("figures", figures)
    print(figures)
