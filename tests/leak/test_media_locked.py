"""Uploads, shown pixels and arrays to be encoded are locked while in shared memory, where the limit allows it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

import facegate
from facegate.memory.locks import kernel_locked_bytes, lock_limit
from facegate.sizes import page_ceil

NewId = Callable[[], str]
pytestmark = pytest.mark.skipif(lock_limit() is not None, reason="RLIMIT_MEMLOCK is finite")


@pytest.fixture
def quiet() -> facegate.Gate:
    """A gate without spares, whose arenas would come and go."""
    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        yield gate


def test_an_upload_is_locked_before_its_bytes_come(quiet: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    seen: list[int] = []

    class File(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:
            seen.append(kernel_locked_bytes() - before)
            return super().readinto(buffer)

    with quiet.open_request(new_id(), purpose="safety") as request:
        before = kernel_locked_bytes()
        upload = request.admit(File(astronaut + bytes(300_000)))
        assert kernel_locked_bytes() == before
        assert seen[0] == 0, "its first bytes, which say what it is, come before there is a place for it"
        assert seen[1] == 1 << 16
        assert seen == sorted(seen)
        assert seen[-1] >= page_ceil(len(astronaut) + 300_000)
        assert seen[-1] < 2 << 20, "the pieces follow the file, not the room for it"
        width, height = upload.size_wh
        with upload.expose() as rgb:
            assert kernel_locked_bytes() - before == page_ceil(width * height * 3)
            assert rgb.any()
        assert kernel_locked_bytes() == before


def test_pixels_to_be_encoded_are_locked(quiet: facegate.Gate, new_id: NewId, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.full((200, 300, 3), 77, np.uint8)
    seen: list[int] = []
    with quiet.open_request(new_id(), purpose="safety") as request:
        before, call = kernel_locked_bytes(), request._custody.call
        monkeypatch.setattr(
            request._custody, "call", lambda *given: seen.append(kernel_locked_bytes() - before) or call(*given)
        )
        request.finish(pixels)
    assert seen == [page_ceil(pixels.nbytes)]
