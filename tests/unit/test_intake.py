"""Uploads that come in pieces: held by the request from the first byte, and gone whenever the request is."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

import facegate
from facegate.errors import AnalysisError, LimitExceededError, RequestClosedError, UnsupportedFormatError
from facegate.intake import Intake
from tests.clips import clip
from tests.conftest import eventually

NewId = Callable[[], str]
MARKER = b"marker-7f3a" * 1000


def kept(intake: Intake) -> int:
    """A descriptor of the region's pages, which shows them whatever becomes of the region."""
    assert intake._region is not None
    return os.dup(intake._region.fd)


def holds(descriptor: int) -> bool:
    """Whether anything but zeros is in those pages."""
    return any(os.pread(descriptor, os.fstat(descriptor).st_size, 0))


@pytest.mark.parametrize("size", [1, 191, 192, 193, 65_536, 1 << 22])
def test_pieces_of_any_size_are_the_same_picture(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, size: int
) -> None:
    """Single bytes up to a place past the head, where the region begins, then the rest."""
    with gate.open_request(new_id(), purpose="safety") as request:
        intake = request.intake()
        parts = [astronaut[at : at + size] for at in range(0, 600, size)]
        for each in [*parts, astronaut[size * len(parts) :]]:
            intake.write(each)
        assert intake.used == len(astronaut)
        with request.admit(intake).expose() as pixels, request.admit(astronaut, "image").expose() as wanted:
            assert np.array_equal(pixels, wanted)


def test_a_video_in_pieces_is_read_to_its_end(gate: facegate.Gate, new_id: NewId) -> None:
    data = clip(12)
    with gate.open_request(new_id(), purpose="safety") as request:
        intake = request.intake()
        for at in range(0, len(data), 4096):
            intake.write(memoryview(data)[at : at + 4096])
        video = request.admit(intake)
        assert isinstance(video, facegate.VideoUpload)
        assert len(list(request.frames(video))) == 12


@pytest.mark.parametrize("end", ["close", "cancel", "expire", "drop"])
def test_whatever_came_is_wiped_when_the_request_ends_or_lets_go(gate: facegate.Gate, new_id: NewId, end: str) -> None:
    with gate.open_request(new_id(), purpose="safety", ttl=0.3 if end == "expire" else None) as request:
        intake = request.intake()
        intake.write(MARKER)
        descriptor = kept(intake)
        try:
            assert holds(descriptor) or end == "expire"
            if end == "expire":
                assert eventually(lambda: request.receipt is not None and request.receipt.phase == "CLOSE")
            else:
                {"close": request.close, "cancel": request.cancel, "drop": lambda: request.drop(intake)}[end]()
            assert not holds(descriptor)
        finally:
            os.close(descriptor)
        with pytest.raises(RequestClosedError):
            intake.write(MARKER)
        with pytest.raises((RequestClosedError, AnalysisError)):
            request.admit(intake)
    assert request.receipt is not None
    assert request.receipt.statement()["predicate"]["purge"]["bytesWiped"] >= len(MARKER)


def test_a_purge_waits_for_the_piece_that_is_being_written(gate: facegate.Gate, new_id: NewId) -> None:
    """Without the lock that keeps them apart the worker dies of SIGSEGV, sooner or later."""
    for _ in range(10):
        with gate.open_request(new_id(), purpose="safety") as request:
            intake = request.intake()
            intake.write(MARKER)
            purge = threading.Thread(target=request.cancel)
            purge.start()
            with pytest.raises((RequestClosedError, LimitExceededError)):
                while True:
                    intake.write(bytes(1 << 20))
            purge.join()


@pytest.mark.parametrize("media", ["auto", "image"])
def test_more_than_the_limit_is_refused_with_the_piece_that_passes_it(new_id: NewId, media: str) -> None:
    policy = facegate.Policy(spares=0, limits=facegate.MediaLimits(bytes=100_000))
    with facegate.Gate(policy) as gate, gate.open_request(new_id(), purpose="safety") as request:
        intake = request.intake(media)  # type: ignore[arg-type]
        intake.write(bytes(100_000))
        with pytest.raises(LimitExceededError):
            intake.write(b"x")
        small = request.intake()
        with pytest.raises(LimitExceededError):
            small.write(bytes(100_001))


def test_what_is_not_an_upload_is_said(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request, gate.open_request(new_id(), purpose="safety") as two:
        with pytest.raises(UnsupportedFormatError, match="empty"):
            request.admit(request.intake())
        intake = request.intake()
        intake.write(astronaut)
        with pytest.raises(AnalysisError, match="not one of this request"):
            two.admit(intake)
        two.drop(intake)
        with pytest.raises(AnalysisError, match="leave media out"):
            request.admit(intake, "image")  # type: ignore[call-overload]
        with pytest.raises(AnalysisError, match="media must be"):
            request.intake("sound")  # type: ignore[arg-type]
        request.admit(intake)
        with pytest.raises(AnalysisError, match="was admitted"):
            request.admit(intake)
        with pytest.raises(RequestClosedError, match="admitted"):
            intake.write(b"x")


def test_a_short_upload_never_gets_a_region_and_is_wiped_all_the_same(gate: facegate.Gate, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        intake = request.intake()
        intake.write(b"marker-7f3a")
        head = intake._head
        assert bytes(head) == b"marker-7f3a"
        request.drop(intake)
        assert not any(head)


def test_a_stream_that_breaks_off_is_wiped_at_once_and_the_request_goes_on(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Intake] = []
    create = facegate.Request.intake

    def noted(self: facegate.Request, media: str = "auto") -> Intake:
        made.append(create(self, media))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(facegate.Request, "intake", noted)
    descriptors = []

    async def broken() -> AsyncIterator[bytes]:
        yield astronaut[:5000]
        descriptors.append(kept(made[0]))
        raise ConnectionError

    async def whole() -> AsyncIterator[bytes]:
        yield astronaut

    async def run() -> None:
        async with gate.open_request(new_id(), purpose="safety") as request:
            with pytest.raises(ConnectionError):
                await request.admit_stream(broken())
            assert not holds(descriptors[0])
            upload = await request.admit_stream(whole(), "image")
            assert upload.format == "JPEG"

    asyncio.run(run())
    os.close(descriptors[0])


def test_a_cancelled_stream_ends_the_request(gate: facegate.Gate, new_id: NewId) -> None:
    request = gate.open_request(new_id(), purpose="safety")

    async def endless() -> AsyncIterator[bytes]:
        yield MARKER
        await asyncio.sleep(60)

    async def run() -> None:
        async with request as opened:
            await opened.admit_stream(endless())

    async def cancelled() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert request.receipt is not None
    end = request.receipt.statement()["predicate"]
    assert (end["outcome"], end["error"]) == ("cancelled", "CancelledError")
    assert end["purge"]["bytesNonzero"] == 0
