"""Regions: locked, sealed, out of dumps and forks, wiped and read back; each shown by the kernel, not by our flags."""

from __future__ import annotations

import mmap
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facegate import kernel
from facegate.errors import LockLimitError, PurgeError
from facegate.memory.locks import kernel_locked_bytes
from facegate.memory.region import Region
from facegate.sizes import page_ceil

PAGE = resource.getpagesize()


def smaps_flags(name: str) -> list[str]:
    """VmFlags of the maps of this process whose name contains `name`."""
    flags, wanted = [], False
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            wanted = name in line
        elif wanted and line.startswith("VmFlags:"):
            flags.append(line)
    return flags


def test_locked_region_is_counted_by_the_kernel() -> None:
    before = kernel_locked_bytes()
    with Region("test-lock", 40_000, locked=True) as region:
        assert region.locked
        assert kernel_locked_bytes() - before == region.size == page_ceil(40_000)
    assert kernel_locked_bytes() == before


def test_kernel_flags_say_locked_not_dumped_not_forked() -> None:
    with Region("test-flags", 4096, locked=True) as region, region.buffer() as buffer:
        buffer[0] = 1
        (flags,) = smaps_flags("facegate-test-flags")
        assert {"lo", "dd", "dc"} <= set(flags.split())


def test_mlock_that_lies_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check compares with VmLck: without it this region would call itself locked."""
    monkeypatch.setattr(kernel, "lock", lambda *_: None)
    with pytest.raises(LockLimitError, match="VmLck"):
        Region("test-lie", 4096, locked=True)


def test_lock_limit_names_the_limit_and_what_raises_it() -> None:
    """In a process of its own without CAP_IPC_LOCK, since root may lock without limit."""
    code = """
import os, resource
from facegate.memory.region import Region
from facegate.errors import LockLimitError
resource.setrlimit(resource.RLIMIT_MEMLOCK, (8192, 8192))
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Region("x", 65536, locked=True)
except LockLimitError as error:
    assert "8192" in str(error) and "LimitMEMLOCK" in str(error), str(error)
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "refused", done.stderr


def test_size_is_fixed_from_the_start() -> None:
    with Region("test-size", 8192) as region:
        for size in (0, 4096, 16384):
            with pytest.raises(PermissionError):
                os.ftruncate(region.fd, size)


def test_sealed_region_takes_no_new_writer_but_old_maps_store() -> None:
    with Region("test-seal", 4096) as region:
        other = mmap.mmap(region.fd, 4096)
        region.seal()
        with pytest.raises(PermissionError):
            os.pwrite(region.fd, b"x", 0)
        with pytest.raises(PermissionError):
            mmap.mmap(region.fd, 4096)
        other[0:5] = b"child"
        with region.buffer() as buffer:
            assert bytes(buffer[:5]) == b"child"
        assert region.wipe().bytes_nonzero == 0
        assert other[0:5] == bytes(5)
        other.close()


def test_wipe_reports_what_it_read_back() -> None:
    with Region("test-wipe", 3 << 20) as region:
        with region.buffer() as buffer:
            np.frombuffer(buffer, np.uint8)[:] = 7
        wiped = region.wipe()
        assert (wiped.bytes_wiped, wiped.bytes_reread, wiped.bytes_nonzero) == (region.size, region.size, 0)


def test_wipe_that_does_not_wipe_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    region = Region("test-broken", 8192)
    with region.buffer() as buffer:
        buffer[5000] = 1
    with monkeypatch.context() as broken:
        broken.setattr(kernel, "fill", lambda *_: None)
        assert region.wipe().bytes_nonzero == 1
        with pytest.raises(PurgeError) as caught, region:
            pass
    assert caught.value.residuals == ("test-broken",)
    assert region.closed


def test_partial_wipe_leaves_untouched_pages_unallocated() -> None:
    with Region("test-sparse", 64 << 20) as region:
        with region.buffer() as buffer:
            buffer[0] = 1
        assert region.wipe(1).bytes_wiped == resource.getpagesize()
        assert os.fstat(region.fd).st_blocks * 512 <= 2 * resource.getpagesize()


def test_close_is_idempotent_and_gives_everything_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    region = Region("test-close", 4096, locked=True)
    region.close()
    region.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert "facegate-test-close" not in Path("/proc/self/maps").read_text(encoding="ascii")


def test_pages_beyond_what_was_told_are_wiped_too() -> None:
    """As of an output whose child died, or lied, before it said how much it had written."""
    region = Region("output", 1 << 20)
    try:
        with region.buffer() as buffer:
            buffer[100 * PAGE : 100 * PAGE + 4] = b"face"
            buffer[180 * PAGE : 180 * PAGE + 4] = b"face"
        wiped = region.wipe(1)
        assert wiped.bytes_wiped == wiped.bytes_reread == 181 * PAGE
        assert wiped.bytes_nonzero == 0
        assert not any(region.buffer())
    finally:
        region.close()


def test_pages_that_nobody_touched_are_not_made_by_a_wipe() -> None:
    region = Region("output", 1 << 20)
    try:
        assert region.wipe(1).bytes_wiped == PAGE
        assert os.fstat(region.fd).st_blocks * 512 <= PAGE
    finally:
        region.close()
