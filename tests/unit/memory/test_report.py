"""What is said of an arena's protections is what the kernel says: each one taken away is seen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from facegate import kernel
from facegate.memory import locks
from facegate.memory.arena import new_arena
from facegate.memory.region import Region
from facegate.memory.report import media_locked, memory_protections
from facegate.memory.secret import SecretRegion, secret_memory
from facegate.protections import TABLE

KINDS = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret")),
]


def states(arena: Region) -> dict[str, str]:
    found = memory_protections(arena)
    assert all(each.name in TABLE and each.detail for each in found)
    return {each.name: each.state for each in found}


@pytest.mark.parametrize("secret", KINDS)
def test_all_are_achieved(secret: bool) -> None:
    with new_arena(secret=secret) as arena:
        arena.seal()
        lacking = {name for name, state in states(arena).items() if state != "achieved"}
        assert lacking - {"media_locked"} == (set() if secret else {"secret_memory"})


def without(monkeypatch: pytest.MonkeyPatch, *advice: int) -> None:
    real = kernel.advise
    monkeypatch.setattr(
        kernel, "advise", lambda address, length, which: None if which in advice else real(address, length, which)
    )


def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "map_guarded", kernel.map_file)
    monkeypatch.setattr(kernel, "unmap_guarded", kernel.unmap)


def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "lock", lambda *_: None)
    monkeypatch.setattr(locks, "kernel_locked_bytes", lambda: 1 << 40)


def writable(monkeypatch: pytest.MonkeyPatch) -> None:
    real = kernel.map_guarded
    monkeypatch.setattr(kernel, "map_guarded", lambda fd, length, _, **options: real(fd, length, 3, **options))


@pytest.mark.parametrize(
    ("take_away", "name"),
    [
        (lambda patch: without(patch, kernel.MADV_DONTDUMP), "arena_not_dumped"),
        (lambda patch: without(patch, kernel.MADV_DONTFORK), "arena_not_inherited"),
        (lambda patch: without(patch, kernel.MADV_NOHUGEPAGE), "arena_unmerged"),
        (unguarded, "arena_guarded"),
        (unlocked, "arena_locked"),
        (writable, "arena_read_only"),
        (lambda patch: patch.setattr(Region, "seal", lambda _: None), "arena_read_only"),
    ],
)
def test_each_one_taken_away_is_seen(
    take_away: Callable[[pytest.MonkeyPatch], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away(monkeypatch)
    arena = new_arena()
    if name == "arena_read_only" and take_away is writable:
        arena_window = arena.window()
        assert arena_window is not None
    else:
        arena.seal()
    assert states(arena)[name] == "unavailable"
    arena.close()


@pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret")
@pytest.mark.parametrize(
    ("take_away", "name"),
    [
        (lambda patch: without(patch, kernel.MADV_DONTFORK), "arena_not_inherited"),
        (lambda patch: without(patch, kernel.MADV_NOHUGEPAGE), "arena_unmerged"),
        (unguarded, "arena_guarded"),
        (writable, "arena_read_only"),
    ],
)
def test_each_one_taken_away_from_secret_memory_is_seen(
    take_away: Callable[[pytest.MonkeyPatch], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away(monkeypatch)
    arena = SecretRegion("arena", 8192)
    assert states(arena)[name] == "unavailable"
    arena.close()


LIMITED = """
import os, resource
from facegate.memory import locks
from facegate.memory.region import Region
from facegate.memory.report import media_locked
resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 20, 1 << 20))
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
start = locks.kernel_locked_bytes()
region = Region("upload", 1 << 20)
print(region.lock_used(1 << 16), region.lock_used(1 << 18), region.lock_used((1 << 18) + 1), region.lock_used(1 << 18))
print(locks.kernel_locked_bytes() - start == 1 << 18, media_locked().state)
other = Region("output", 1 << 20)
print(other.lock_used(1))  # the share is of all media together
region.close()
print(other.lock_used(1), locks.kernel_locked_bytes() - start)
other.close()
print(locks.kernel_locked_bytes() - start)
"""


def test_media_take_a_share_of_a_finite_limit_and_no_more() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    page = os.sysconf("SC_PAGE_SIZE")
    assert done.stdout.split("\n") == [
        "True True False True", "True unavailable", "False", f"True {page}", "0", ""
    ], done.stderr  # fmt: skip


def test_media_are_locked_where_there_is_no_limit() -> None:
    if locks.lock_limit() is not None:
        pytest.skip("RLIMIT_MEMLOCK is finite")
    assert media_locked().state == "achieved"
    before = locks.kernel_locked_bytes()
    with Region("upload", 1 << 20) as region:
        assert region.lock_used(100_000)
        assert locks.kernel_locked_bytes() - before == 102_400
    assert locks.kernel_locked_bytes() == before


def test_a_mlock_of_media_that_lies_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "lock", lambda *_: None)
    with Region("upload", 1 << 14) as region:
        assert not region.lock_used(1 << 14)


def test_a_forked_worker_counts_its_own_locks() -> None:
    """Locks do not survive a fork: with its parent's figures the comparison with VmLck would fail for ever."""
    with Region("test", 1 << 16, locked=True):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                Region("own", 4096, locked=True).close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
