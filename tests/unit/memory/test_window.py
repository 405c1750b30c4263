"""Windows: read-only for good, zeros once revoked, in every thread, slice and fork, and never a crash."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from facegate.memory.maps import maps
from facegate.memory.region import Region
from facegate.memory.secret import SecretRegion, secret_memory


@pytest.fixture(
    params=[
        Region,
        pytest.param(
            SecretRegion, marks=pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret")
        ),
    ]
)
def region(request: pytest.FixtureRequest) -> Iterator[Region]:
    with request.param("test-window", 3 * 4096) as made:
        with made.buffer() as buffer:
            np.frombuffer(buffer, np.float32)[:] = 1.5
        yield made


def test_view_reads_the_region_and_cannot_be_made_writable(region: Region) -> None:
    window = region.window()
    view = window.array(np.float32, (1024, 3))
    assert (view == 1.5).all()
    for array in (view, view[3:], view.reshape(-1), view.base):
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 2
    window.revoke()


def test_every_kind_of_kept_view_reads_zeros_after_revoke(region: Region) -> None:
    window = region.window()
    view = window.array(np.float32, (1024, 3))
    kept = [view, view[10:20], view.T, view.view(np.uint8), np.asarray(memoryview(view)), np.from_dlpack(view)]
    assert all(np.asarray(each).any() for each in kept)
    window.revoke()
    window.revoke()
    assert not any(np.asarray(each).any() for each in kept)
    with pytest.raises(ValueError, match="revoked"):
        window.array(np.float32, (3,))


def test_offset_window_shows_its_own_pages_only(region: Region) -> None:
    with region.buffer() as buffer:
        np.frombuffer(buffer, np.float32)[1024:2048] = 9
    window = region.window(4096, 4096)
    assert (window.array(np.float32, (1024,)) == 9).all()
    with pytest.raises(ValueError, match="smaller than requested"):
        window.array(np.float32, (1025,))
    window.revoke()


def test_readers_in_other_threads_survive_a_revoke(region: Region) -> None:
    for _ in range(50):
        window = region.window()
        view = window.array(np.float32, (1024, 3))
        seen: list[float] = []
        started = threading.Event()

        def read(view: np.ndarray = view, seen: list[float] = seen, started: threading.Event = started) -> None:
            while not seen or seen[-1] != 0:
                seen.append(float(view.sum()))
                started.set()
                # Where cores are busy the thread that revokes waits long else: `sum` lets go of the interpreter, and
                # takes it again before another thread has woken up.
                time.sleep(0)

        thread = threading.Thread(target=read)
        thread.start()
        started.wait()
        window.revoke()
        thread.join(10)
        assert not thread.is_alive()
        assert seen[-1] == 0


def test_address_range_is_given_back_with_the_last_view(region: Region) -> None:
    def mapped() -> bool:
        return any(each.start <= address < each.end for each in maps())

    window = region.window()
    view = window.array(np.float32, (8,))
    address = window.address
    window.revoke()
    part = view[2:]
    del view, window
    gc.collect()
    assert not part.any()
    assert mapped()
    del part
    gc.collect()
    assert not mapped()


def test_a_fork_of_the_worker_reads_zeros(region: Region) -> None:
    """MADV_DONTFORK leaves a hole: without the fork hook this child would die of SIGSEGV."""
    window = region.window()
    view = window.array(np.float32, (1024, 3))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if not view.any() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert view.any()
    window.revoke()
