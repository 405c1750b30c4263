"""Whatever fails wherever: no frame reaches the encoder uncovered, and the output is whole or there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.redact import planes
from facegate.video import covering, stages
from facegate.video.covering import Cover, Redacted, Redaction
from facegate.video.frames_job import FramesJob
from facegate.video.job import RedactJob
from facegate.video.outgoing import CAPACITY, Outgoing
from facegate.vision.follow import Covered

FRAMES = 24
LAG = 5
WIDTH, HEIGHT = 64, 48
BOX = np.array([[16, 8, 48, 40]], np.float32)
SOLID = Redaction("solid", "box", 0.0)
STAGES = {"facegate-decode", "facegate-follow", "facegate-cover", "facegate-encode", "facegate-arrays"}


class FaultError(Exception):
    """Planted."""


class Fault:
    """Raises at the n-th time that a place is passed."""

    def __init__(self, place: str = "", at: int = 0, kind: Callable[[], BaseException] = FaultError) -> None:
        self.place, self.at, self.kind = place, at, kind
        self.passed = 0

    def __call__(self, place: str) -> None:
        if place == self.place:
            self.passed += 1
            if self.passed == self.at + 1:
                raise self.kind()


class Source:
    """Frames of noise in which nothing is grey, and a packet after each."""

    def __init__(self, fault: Fault, frames: int = FRAMES) -> None:
        self.fault, self.frames, self.closed = fault, frames, False

    def items(self) -> Iterator[Any]:
        for number in range(self.frames):
            self.fault("decode")
            luma = np.random.default_rng(number).integers(150, 250, (HEIGHT * 3 // 2, WIDTH), np.uint8)
            frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
            frame.pts = number
            yield frame
            packet: av.Packet[Any] = av.Packet(bytes(100))
            packet.pts = number
            yield packet
        self.fault("end of file")

    def close(self) -> None:
        self.closed = True
        self.fault("close of the source")


class Follower:
    """Says of every frame, some frames later, that the box is a face."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.held: list[av.VideoFrame] = []

    def push(self, frame: av.VideoFrame) -> list[Covered]:
        self.fault("follow")
        self.held.append(frame)
        return [self.out()] if len(self.held) > LAG else []

    def flush(self) -> list[Covered]:
        self.fault("flush of the follower")
        return [self.out() for _ in range(len(self.held))]

    def out(self) -> Covered:
        return Covered(self.held.pop(0), BOX, 1)


class Sink:
    """Writes a line for each thing that it gets, and looks whether frames are covered."""

    bare = 0

    def __init__(self, file: Outgoing, fault: Fault) -> None:
        fault("open of the sink")
        self.file, self.fault = file, fault
        self.file.write(b"head\n")

    def frame(self, frame: av.VideoFrame) -> None:
        luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(HEIGHT, -1)[8:40, 16:48]
        if luma.std() > 0:
            Sink.bare += 1
        self.fault("encode")
        self.file.write(f"frame {frame.pts}\n".encode())

    def packet(self, packet: av.Packet[Any]) -> None:
        self.fault("copy")
        self.file.write(f"packet {packet.pts}\n".encode())

    def close(self) -> None:
        self.fault("close of the sink")
        self.file.write(b"tail\n")
        self.file.seek(0)
        self.file.write(b"HEAD")


def run(fault: Fault, limit: int = 1 << 20, redaction: Redaction = SOLID) -> bytes:
    """The output; what the worker does, with a region of 64 bytes."""
    source = Source(fault)
    made = RedactJob(source, Follower(fault), redaction, lambda file: Sink(file, fault), limit)
    output, into = bytearray(), memoryview(bytearray(64))
    try:
        while True:
            pieces, done = made.take(into, 4, 5.0)
            at = 0
            for place, length in pieces:
                assert place <= len(output), "a hole"
                output[place : place + length] = into[at : at + length]
                at += length
            if done:
                return bytes(output)
    finally:
        made.close()
        assert source.closed
        assert not [each for each in threading.enumerate() if each.name in STAGES]


@pytest.fixture(autouse=True)
def _counts() -> Iterator[None]:
    Sink.bare = 0
    yield
    assert Sink.bare == 0, "a frame came bare"


WHOLE = sorted(["HEAD", "tail"] + [f"{kind} {number}" for kind in ("frame", "packet") for number in range(FRAMES)])


def test_without_a_fault_the_output_is_whole() -> None:
    output = run(Fault()).decode().split("\n")
    assert sorted(filter(None, output)) == WHOLE
    frames = [line for line in output if line.startswith("frame")]
    assert frames == [f"frame {number}" for number in range(FRAMES)]


PLACES = {
    "decode": FRAMES,
    "follow": FRAMES,
    "cover": FRAMES,
    "redact": FRAMES,
    "encode": FRAMES,
    "copy": FRAMES,
    "end of file": 1,
    "flush of the follower": 1,
    "close of the source": 1,
    "close of the sink": 1,
    "open of the sink": 1,
}


@pytest.mark.parametrize("kind", [FaultError, MemoryError, lambda: Refusal("video.damaged"), KeyboardInterrupt])
@pytest.mark.parametrize("place", PLACES)
def test_a_fault_anywhere_leaves_no_output(
    monkeypatch: pytest.MonkeyPatch, place: str, kind: Callable[[], BaseException]
) -> None:
    real = Cover.__call__
    for at in range(PLACES[place]):
        fault = Fault(place, at, kind)

        def redact(*given: Any, fault: Fault = fault, **options: Any) -> None:
            fault("redact")
            planes.redact_frame(*given, **options)

        def cover(self: Cover, covered: Covered, fault: Fault = fault) -> Redacted:
            fault("cover")
            return real(self, covered)

        with monkeypatch.context() as patched:
            patched.setattr(covering, "redact_frame", redact)
            patched.setattr(Cover, "__call__", cover)
            with pytest.raises(type(kind())):
                run(fault)
        assert fault.passed == at + 1, "it was reached"


def test_nobody_else_makes_what_an_encoder_takes() -> None:
    with pytest.raises(TypeError, match="Only Cover"):
        Redacted(av.VideoFrame(16, 16, "yuv420p"), object())


def test_a_redaction_that_is_none_ends_the_work() -> None:
    with pytest.raises(Refusal, match=r"redact\.style"):
        run(Fault(), redaction=Redaction("smear", "box", 0.0))  # type: ignore[arg-type]


def test_an_output_over_the_limit_is_refused() -> None:
    with pytest.raises(Refusal, match=r"video\.output_bytes"):
        run(Fault(), limit=200)


def test_formats_that_cannot_be_covered_are_turned_into_one_that_can() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((HEIGHT * 3 // 2, WIDTH), 200, np.uint8), format="nv12")
    frame.pts = 7
    covered = Cover(SOLID)(Covered(frame, BOX, 1)).frame
    assert (covered.format.name, covered.pts) == ("yuv420p", 7)
    luma = np.frombuffer(memoryview(covered.planes[0]), np.uint8).reshape(HEIGHT, -1)[:, :WIDTH]
    assert luma[8:40, 16:48].std() == 0
    assert (luma[:8] == 200).all()


def test_a_job_that_nobody_takes_from_stops_and_can_be_closed() -> None:
    class Verbose(Sink):
        def frame(self, frame: av.VideoFrame) -> None:
            self.file.write(bytes(200_000))

    made = RedactJob(Source(Fault(), 10**9), Follower(Fault()), SOLID, lambda file: Verbose(file, Fault()), 1 << 40)
    until = time.monotonic() + 20
    before = -1
    while made.beats != before and time.monotonic() < until:
        before = made.beats
        time.sleep(0.3)
    assert made.beats == before, "it goes on, though nobody takes anything"
    assert made._out.load <= CAPACITY + 200_000
    made.close()
    assert not [each for each in threading.enumerate() if each.name in STAGES]


def ring() -> list[np.ndarray]:
    return [np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(3)]


def frames_of(made: FramesJob, places: list[np.ndarray]) -> list[np.ndarray]:
    copies, held = [], None
    while True:
        try:
            got = made.next(held, 5.0)
        except StopIteration:
            return copies
        assert got is not None
        held = got[0]
        copies.append(places[held].copy())


@pytest.mark.parametrize("redacted", [True, False])
def test_frames_come_in_order_and_covered_unless_asked_otherwise(redacted: bool) -> None:
    places = ring()
    follower = Follower(Fault()) if redacted else None
    made = FramesJob(Source(Fault()), follower, SOLID if redacted else None, places, 0)
    try:
        copies = frames_of(made, places)
    finally:
        made.close()
    assert len(copies) == FRAMES
    flat = [copy[10:38, 18:46].std(axis=(0, 1)).max() == 0 for copy in copies]
    assert flat == [redacted] * FRAMES
    assert len({copy.tobytes() for copy in copies}) == FRAMES


@pytest.mark.parametrize("place", ["decode", "follow", "flush of the follower", "end of file", "close of the source"])
def test_a_fault_ends_the_frames(place: str) -> None:
    for at in range(PLACES[place]):
        places, fault = ring(), Fault(place, at)
        made = FramesJob(Source(fault), Follower(fault), SOLID, places, 0)
        try:
            with pytest.raises(FaultError):
                frames_of(made, places)
        finally:
            made.close()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_turned_upright(rotation: int) -> None:
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[:8, :8] = 255  # what is at the top left when the frame is as it is coded
    shape = (WIDTH, HEIGHT, 3) if rotation % 180 else (HEIGHT, WIDTH, 3)
    into = np.zeros(shape, np.uint8)
    stages.fill(into, av.VideoFrame.from_ndarray(rgb, format="rgb24"), rotation // 90)
    corners = {"00": into[:8, :8], "01": into[:8, -8:], "11": into[-8:, -8:], "10": into[-8:, :8]}
    bright = [name for name, corner in corners.items() if corner.min() == 255]
    assert bright == [{0: "00", 90: "01", 180: "11", 270: "10"}[rotation]]
