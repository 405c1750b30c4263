"""One video from its packets to redacted ones, or to redacted arrays, on threads that hold a bounded number of frames.

Decoding, looking for faces, covering and encoding overlap. Whatever fails in any of them ends the whole, and nothing
that could be taken afterwards makes the output complete: it is whole or there is none.
"""

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
from facegate.video.outgoing import Cut, Outgoing
from facegate.video.pipeline import Channel, Flow, Pipeline

if TYPE_CHECKING:
    from facegate.vision.follow import Covered

Item: TypeAlias = "av.VideoFrame | av.Packet[Any]"

# Of a queue between two stages: bytes that may lie in it, and what a frame weighs at least, so that there are never
# more than two. A single larger one passes all the same.
_QUEUE_BYTES: Final = 16 << 20
_LEAST_FRAME: Final = _QUEUE_BYTES // 2
# Of packets no more than an eighth of that may lie there: nobody waits for those. With what PyAV keeps around each.
_PACKET_WEIGHT: Final = 8
_PACKET_OVERHEAD: Final = 1 << 10


# Bytes that are worth an answer before its time.
_WORTH: Final = 256 << 10


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


class RedactJob:
    """Decodes, follows, covers and encodes.

    Args:
        source: closed at the end.
        follower: of this video.
        redaction: how faces are covered.
        sink: makes what encodes and muxes, given the file to write to; called in the thread that encodes.
        limit: bytes that the output may have.

    Attributes:
        steps: how far it is.
    """

    def __init__(
        self,
        source: Source,
        follower: Follower,
        redaction: Redaction,
        sink: Callable[[Outgoing], Sink],
        limit: int,
    ) -> None:
        self.steps = Steps()
        flow = Flow()
        self._out = Outgoing(flow, limit)
        self._sink = sink
        self._opened = False
        self._pipeline: Pipeline[Any] = Pipeline(
            lambda: self.steps.counted(self._read(source)),
            following(follower),
            lambda items: self.steps.counted(covering(items, redaction)),
            self._encoded,
            names=("facegate-decode", "facegate-follow", "facegate-cover", "facegate-encode"),
            depth=_QUEUE_BYTES,
            weight=_weight,
            flow=flow,
        )
        self._pipeline.start()

    @property
    def beats(self) -> int:
        """Steps so far: an encoder that is emptied takes no frames any more, but writes."""
        return self.steps.beats + self._out.writes

    def take(self, into: memoryview, most: int, wait: float) -> tuple[list[list[int]], bool]:
        """Move what is ready into memory.

        Args:
            into: filled from its beginning.
            most: pieces.
            wait: seconds to wait if nothing is ready.

        Returns:
            For each piece its place in the output and its length, and whether the output is whole with these.

        Raises:
            BaseException: what ended the work; whatever was taken before is a part of nothing.
        """
        flow = self._pipeline.flow
        with flow.changed:
            # Not for every few bytes that an encoder lets go of: a command costs more than they do.
            flow.changed.wait_for(lambda: self._out.load >= _WORTH or self._pipeline.over, wait)
            pieces = [] if flow.stopped else self._out.take(into, most)
            over = self._pipeline.over and not self._out.filled
        if flow.stopped or over:
            # Joins all threads, and raises what any of them failed with, the last moment included.
            next(self._pipeline, None)
        return pieces, over

    def close(self) -> None:
        """End whatever runs and wait for it; raises nothing."""
        self._pipeline.close()

    def _read(self, source: Source) -> Iterator[Item]:
        # The sink looks at the source while it is made, and no decoder may be at work on it then.
        flow = self._pipeline.flow
        try:
            with flow.changed:
                flow.wait_for(lambda: self._opened)
        except BaseException:
            source.close()
            raise
        yield from reading(source)

    def _encoded(self, items: Iterator[Redacted | av.Packet[Any]]) -> Iterator[Any]:
        flow = self._pipeline.flow
        try:
            sink = self._sink(self._out)
            with flow.changed:
                self._opened = True
                flow.changed.notify_all()
            for item in items:
                if isinstance(item, Redacted):
                    sink.frame(item.frame)
                    self.steps.through(item.frame)
                else:
                    sink.packet(item)
                self.steps.beats += 1
            sink.close()
        except av.FFmpegError as error:
            raise (MemoryError() if isinstance(error, MemoryError) else Refusal("output.failed")) from None
        except Cut:
            return
        yield from ()


class FramesJob:
    """Decodes and, unless told otherwise, follows and covers; puts frames into a ring of arrays.

    Args:
        source: closed at the end.
        follower: of this video; None for frames as they are.
        redaction: how faces are covered; None for frames as they are.
        ring: (H, W, 3) uint8 each, RGB, upright, to be filled.
        rotation: degrees clockwise that show frames upright.

    Attributes:
        steps: how far it is.
    """

    def __init__(
        self,
        source: Source,
        follower: Follower | None,
        redaction: Redaction | None,
        ring: Sequence[NDArray[np.uint8]],
        rotation: int,
    ) -> None:
        self.steps = Steps()
        flow = Flow()
        self._ring = ring
        self._turns = rotation // 90 % 4
        self._reformatter = VideoReformatter()
        self._free = Channel[int](flow, len(ring))
        for slot in range(len(ring)):
            self._free.put(slot)
        stages: list[Any] = [self._filling]
        names = ["facegate-decode", "facegate-arrays"]
        if follower is not None and redaction is not None:
            stages = [following(follower), lambda items: self.steps.counted(covering(items, redaction)), *stages]
            names[1:1] = ["facegate-follow", "facegate-cover"]
        self._pipeline: Pipeline[tuple[int, float]] = Pipeline(
            lambda: self.steps.counted(reading(source)),
            *stages,
            names=names,
            depth=_QUEUE_BYTES,
            weight=_weight,
            flow=flow,
        )
        self._pipeline.start()

    @property
    def beats(self) -> int:
        """Steps so far."""
        return self.steps.beats

    def next(self, free: int | None, wait: float) -> tuple[int, float] | None:
        """The next frame: where in the ring it is, and when it is shown, seconds.

        Args:
            free: a place that may be filled again.
            wait: seconds to wait for it.

        Returns:
            None if there is none yet.

        Raises:
            StopIteration: there are no more.
            BaseException: what ended the work.
        """
        if free is not None:
            self._free.give(free)
        return next(self._pipeline) if self._pipeline.wait(wait) else None

    def close(self) -> None:
        """End whatever runs and wait for it, so that nothing is written to the ring any more; raises nothing."""
        self._pipeline.close()

    def _filling(self, items: Iterator[Redacted | Item]) -> Iterator[tuple[int, float]]:
        for item in items:
            if isinstance(item, av.Packet):
                continue
            frame = item.frame if isinstance(item, Redacted) else item
            slot = next(self._free)
            fill(self._ring[slot], frame, self._turns, self._reformatter)
            self.steps.through(frame)
            self.steps.beats += 1
            yield slot, self.steps.seconds


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
    if isinstance(item, av.Packet):
        return float((item.size + _PACKET_OVERHEAD) * _PACKET_WEIGHT)
    frame = getattr(item, "frame", item)
    if not isinstance(frame, av.VideoFrame):
        return 1.0
    return float(max(sum(plane.buffer_size for plane in frame.planes), _LEAST_FRAME))
