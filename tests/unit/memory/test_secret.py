"""Regions in secret memory: what the kernel says of them, and what is said where there is none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facegate import kernel
from facegate.errors import LockLimitError, ProtectionError, PurgeError
from facegate.memory.arena import ARENA_BYTES, new_arena
from facegate.memory.locks import kernel_locked_bytes
from facegate.memory.maps import maps
from facegate.memory.region import Region
from facegate.memory.secret import SecretRegion, secret_memory
from facegate.sizes import page_ceil

needs_secret_memory = pytest.mark.skipif(
    secret_memory().state != "achieved", reason=f"no memfd_secret: {secret_memory().detail}"
)


@needs_secret_memory
def test_the_kernel_locks_and_counts_every_map() -> None:
    before = kernel_locked_bytes()
    with SecretRegion("test", 40_000) as region:
        size = page_ceil(40_000)
        assert region.locked
        assert kernel_locked_bytes() - before == 2 * size
        window = region.window(4096, 8192)
        view = window.array(np.uint8, (8192,))
        assert kernel_locked_bytes() - before == 2 * size + 8192
        for each in maps():
            if "secretmem" in each.name:
                assert {"lo", "dd", "dc", "nh"} <= each.flags, "also where no advice of ours was needed"
        window.revoke()
        assert kernel_locked_bytes() - before == 2 * size
        assert not view.any()
    assert kernel_locked_bytes() == before


@needs_secret_memory
def test_a_window_forgotten_unrevoked_is_counted_down() -> None:
    """Or no lock would pass the comparison with VmLck ever after."""
    before = kernel_locked_bytes()
    with SecretRegion("test", 4096) as region:
        for _ in range(100):
            region.window()
        with Region("test-lock", 4096, locked=True):
            pass
    assert kernel_locked_bytes() == before


@needs_secret_memory
def test_a_window_whose_views_live_on_is_counted_down_when_it_is_revoked() -> None:
    with SecretRegion("test", 1 << 14) as region:
        windows = [region.window() for _ in range(10)]
        views = [window.array(np.uint8, (8,)) for window in windows]
        for window in windows:
            window.revoke()
        with Region("test-lock", 4096, locked=True):
            pass
        del views


@needs_secret_memory
def test_it_is_in_secret_memory_and_not_read_through_the_descriptor_or_proc() -> None:
    with SecretRegion("test", 8192) as region:
        with region.buffer() as buffer:
            buffer[:] = bytes([7]) * 8192
        with pytest.raises(OSError, match="Illegal seek"):
            os.pread(region.fd, 1, 0)
        with Path("/proc/self/mem").open("rb", buffering=0) as memory:
            memory.seek(region.addresses[0])
            with pytest.raises(OSError, match="Input/output"):
                memory.read(1)
        for size in (0, 4096, 16384):
            with pytest.raises(OSError, match="Invalid"):
                os.ftruncate(region.fd, size)


@needs_secret_memory
def test_what_was_wiped_is_read_back_through_another_map() -> None:
    region = SecretRegion("test", 3 * 4096)
    with region.buffer() as buffer:
        np.frombuffer(buffer, np.uint8)[:] = 9
        written = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    assert len(set(region.addresses)) == 2
    assert written == region.addresses[0]
    wiped = region.wipe()
    assert (wiped.bytes_wiped, wiped.bytes_reread, wiped.bytes_nonzero) == (region.size, region.size, 0)
    region.close()
    assert region.addresses == ()


@needs_secret_memory
def test_it_is_the_other_map_that_is_believed() -> None:
    with SecretRegion("test", 4096) as region, SecretRegion("full", 4096) as full:
        with full.buffer() as buffer:
            buffer[17] = 1
        own, region._mirror = region._mirror, full.addresses[1]
        assert region.wipe().bytes_nonzero == 1
        region._mirror = own


@needs_secret_memory
def test_a_wipe_that_does_not_wipe_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    region = SecretRegion("test-broken", 8192)
    with region.buffer() as buffer:
        buffer[5000] = buffer[8191] = 1
    monkeypatch.setattr(kernel, "fill", lambda *_: None)
    assert region.wipe().bytes_nonzero == 2
    assert region.wipe(1).bytes_nonzero == 0
    with pytest.raises(PurgeError), region:
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSYS, "CONFIG_SECRETMEM"), (errno.EPERM, "profile must allow"), (errno.EMFILE, "Too many open files")],
)
def test_a_host_without_it_is_told_why(number: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(kernel, "syscall", refuse)
    found = secret_memory()
    assert (found.name, found.state) == ("secret_memory", "unavailable")
    assert words in found.detail
    with pytest.raises(ProtectionError, match="no secret memory"):
        new_arena(secret=True)


IN_A_SMALL_LIMIT = """
import os, resource
from facegate.errors import LockLimitError
from facegate.memory.arena import ARENA_BYTES, new_arena
from facegate.memory.report import media_locked
from facegate.memory.secret import secret_memory
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    new_arena(secret=True)
except LockLimitError as error:
    assert "the limit is 65536 bytes" in str(error) and "LimitMEMLOCK=" in str(error), str(error)
    print("refused", isinstance(error, OSError))
found = secret_memory(ARENA_BYTES)
print(found.state, "LimitMEMLOCK=" in found.detail)
print(media_locked().state)
for _ in range(100):  # what was refused took nothing from the limit
    new_arena().close()
"""


@needs_secret_memory
def test_a_lock_limit_of_64_kib_refuses_secret_memory() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_SMALL_LIMIT], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n") == ["refused True", "unavailable True", "unavailable", ""], done.stderr


@pytest.mark.parametrize("secret", [False, pytest.param(True, marks=needs_secret_memory)])
@pytest.mark.parametrize("what", ["arena.addresses[0]", "arena.addresses[-1]", "window.address"])
@pytest.mark.parametrize("past", [-1, ARENA_BYTES])
def test_a_byte_before_and_behind_an_arena_is_fatal(secret: bool, what: str, past: int) -> None:
    code = (
        "import ctypes\nfrom facegate.memory.arena import new_arena\n"
        f"arena = new_arena(secret={secret})\nwindow = arena.window()\naddress = {what}\n"
        f"ctypes.string_at(address, {ARENA_BYTES}); print('inside', flush=True)\nctypes.string_at(address + {past}, 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "inside\n"
    assert done.returncode == -signal.SIGSEGV


def test_a_lock_error_that_is_of_another_kind_is_not_called_a_limit() -> None:
    from facegate.memory import locks

    before = locks._counted
    with pytest.raises(OSError, match="Bad file") as caught, locks.adding(4096):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    assert not isinstance(caught.value, LockLimitError)
    assert locks._counted == before
