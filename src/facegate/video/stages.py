"""Stages of the jobs of a video, between a file and redacted frames, and how much may lie between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.video.covering import Cover, Redacted, Redaction
from facegate.video.pipeline import Flow, Pipeline, Stage

if TYPE_CHECKING:
    from facegate.vision.follow import Covered

Item: TypeAlias = "av.VideoFrame | av.Packet[Any]"

# Of a queue between two stages: bytes that may lie in it, and what a frame weighs at least, so that there are never
# more than two. A single larger one passes all the same.
QUEUE_BYTES: Final = 16 << 20
_LEAST_FRAME: Final = QUEUE_BYTES // 2
# Of packets no more than an eighth of that may lie there: nobody waits for those. With what PyAV keeps around each.
_PACKET_WEIGHT: Final = 8
_PACKET_OVERHEAD: Final = 1 << 10


class Source(Protocol):
    """What is needed of `facegate.video.source.VideoSource`."""

    def items(self) -> Iterator[Item]:
        """Decoded frames, and packets that are copied, in the file's order."""

    def close(self) -> None:
        """Let go of the file."""


class Follower(Protocol):
    """What is needed of `facegate.vision.follow.Follower`."""

    def push(self, frame: av.VideoFrame) -> list[Covered]:
        """Take a frame, give those that are final."""

    def flush(self) -> list[Covered]:
        """Give the rest."""


class Sink(Protocol):
    """What is needed of `facegate.video.sink.VideoSink`."""

    def frame(self, frame: av.VideoFrame) -> None:
        """Encode a frame."""

    def packet(self, packet: av.Packet[Any]) -> None:
        """Copy a packet."""

    def close(self) -> None:
        """Finish the file."""


class Steps:
    """Counts what goes on, for whoever must tell a slow video from a stuck one.

    Attributes:
        beats: steps of any stage so far.
        frames: frames that are through.
        seconds: when the last of them is shown.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.frames = 0
        self.seconds = 0.0

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same items, each a beat."""
        for item in items:
            self.beats += 1
            yield item

    def through(self, frame: av.VideoFrame) -> None:
        """A frame is through."""
        self.frames += 1
        self.seconds = frame.time or 0.0


def joined(
    flow: Flow, source: Callable[[], Iterable[Any]], stages: Sequence[Stage], names: Sequence[str]
) -> Pipeline[Any]:
    """The stages of a job, to be started, with at most `QUEUE_BYTES` between any two.

    Args:
        flow: of the job.
        source: made in the first thread.
        stages: in order.
        names: of the threads, the source's first.
    """
    return Pipeline(source, *stages, names=names, depth=QUEUE_BYTES, weight=_weight, flow=flow)


def reading(source: Source) -> Iterator[Item]:
    """The items of a source, which is closed in the end."""
    try:
        yield from source.items()
    except av.FFmpegError as error:
        raise (MemoryError() if isinstance(error, MemoryError) else Refusal("video.damaged")) from None
    finally:
        source.close()


def following(follower: Follower) -> Callable[[Iterator[Item]], Iterator[Any]]:
    """The stage that learns what is to be covered. Packets overtake frames that wait: the muxer puts them in order."""

    def stage(items: Iterator[Item]) -> Iterator[Covered | av.Packet[Any]]:
        for item in items:
            if isinstance(item, av.Packet):
                yield item
            else:
                yield from follower.push(item)
        yield from follower.flush()

    return stage


def covering(items: Iterator[Covered | av.Packet[Any]], redaction: Redaction) -> Iterator[Redacted | av.Packet[Any]]:
    """The stage that covers."""
    cover = Cover(redaction)
    for item in items:
        yield item if isinstance(item, av.Packet) else cover(item)


def fill(
    into: NDArray[np.uint8], frame: av.VideoFrame, turns: int, reformatter: VideoReformatter | None = None
) -> None:
    """Put a frame into an array, as RGB and upright.

    Args:
        into: (H, W, 3) uint8, of the upright size.
        frame: of any format.
        turns: quarter turns clockwise.
        reformatter: kept from one frame to the next, since swscale's tables cost more than their use.
    """
    made = (reformatter or VideoReformatter()).reformat(frame, format="rgb24")
    plane = made.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    into[...] = np.rot90(rows[:, : made.width * 3].reshape(made.height, made.width, 3), -turns)


def no_memory(error: BaseException) -> bool:
    """Whether an error is OpenCV's way of saying that the address space is used up."""
    return isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem


def _weight(item: Any) -> float:
    """What an item weighs in a queue of `QUEUE_BYTES`."""
    if isinstance(item, av.Packet):
        return float((item.size + _PACKET_OVERHEAD) * _PACKET_WEIGHT)
    frame = getattr(item, "frame", item)
    if not isinstance(frame, av.VideoFrame):
        return 1.0
    return float(max(sum(plane.buffer_size for plane in frame.planes), _LEAST_FRAME))
