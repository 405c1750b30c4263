"""One pass over a file with FFmpeg: frames of one track decoded, packets of the others as they are."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any, BinaryIO, Final, cast

import av
import av.container
import av.logging
from av.stream import Disposition
from av.video.stream import VideoStream

from facegate.codes import Refusal
from facegate.policy import VideoLimits
from facegate.video.allowed import ONE_FOR_ONE, OTHER_DECODERS, VIDEO_DECODERS
from facegate.video.carry import Carried, carried
from facegate.video.info import Container, Packet
from facegate.video.limits import Meter, check_claims, check_picture
from facegate.video.probe import DEMUXERS
from facegate.video.readable import Readable

_OPTIONS: Final = {
    # Nothing but the file object: no protocol is left that could open another file or the network.
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join([*sorted(VIDEO_DECODERS), *OTHER_DECODERS]),
    "enable_drefs": "0",
    "probesize": str(8 << 20),
    "analyzeduration": str(10_000_000),
    "max_streams": "256",
}
# Neither a still image nor a picture on the cover nor the second eye of a stereo pair is "the video".
_NO_VIDEO: Final = (
    Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
)
CHROMA_LOCATIONS: Final = frozenset({"left", "center", "topleft", "top", "bottomleft", "bottom"})
_DEFAULT_RATE: Final = Fraction(25)


class Reader:
    """One pass over one file. `facegate.video.source` makes as many as it needs.

    Args:
        file: read and seek are used; not closed.
        container: what `probe` found.
        size: of the file, bytes.
        limits: of the policy.
        threads: for the decoder.
        salvage: see `facegate.video.source.VideoSource`.

    Attributes:
        container: FFmpeg's.
        video: the track that is decoded.
        time_base: of `video`, seconds.
        rate: frames per second, on average, as the header tells; 25 when what it tells cannot be.
        duration: seconds, as the header tells; or None.
        frames: as the header tells; or None.
        lost: frames and packets left out so far; 0 without `salvage`.

    Raises:
        Refusal: video.damaged, video.none, video.codec, memory, or a limit's code.
    """

    def __init__(
        self, file: BinaryIO, container: Container, size: int, limits: VideoLimits, *, threads: int, salvage: bool
    ) -> None:
        self._salvage = salvage
        self._limits = limits
        self.lost = 0
        options = _OPTIONS | {"format_whitelist": DEMUXERS[container]}
        try:
            self.container = av.open(
                Readable(file, size),
                "r",
                format=DEMUXERS[container],
                container_options=options,
                metadata_errors="replace",
            )
        except av.FFmpegError as error:
            raise _refusal(error) from None
        try:
            self._prepare(size, threads)
        except BaseException:
            self.close()
            raise

    def _prepare(self, size: int, threads: int) -> None:
        if len(self.container.streams) > self._limits.tracks:
            raise Refusal("limit.tracks")
        self.video = _choose(self.container)
        context = self.video.codec_context
        check_picture(context.width, context.height, self._limits)
        self.time_base = Fraction(self.video.time_base or 0)
        if not self.time_base:
            raise Refusal("video.damaged")
        self.frames = self.video.frames or None
        whole, own = self.container.duration, self.video.duration
        lengths = [float(own * self.time_base)] if own else []
        lengths += [whole / av.time_base] if whole else []
        self.duration = max(lengths, default=None)
        # Browsers' recorders write WebM whose "rate" is that of its clock, 1000.
        told = Fraction(self.video.average_rate or self.video.guessed_rate or _DEFAULT_RATE)
        self.rate = told if told <= self._limits.rate else _DEFAULT_RATE
        check_claims(self.duration, self.frames, size, self._limits)
        context.thread_count = threads
        # Frames in parallel, where the codec allows it. One thread decodes without any.
        context.thread_type = "AUTO" if threads > 1 else "NONE"
        # Decoders look as closely as they can, and give up where they would guess.
        context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
        self._meter = Meter(self._limits, self.time_base)
        self._interlaced = False
        self._key_pts: float | None = None
        self._expected: set[int] = set()
        # AVI has slots, not time stamps: the first frame that comes out is shown in the first slot that is not empty.
        self._slots: deque[int] | None = deque() if self.container.format.name == "avi" else None
        self._last_pts: int | None = None
        self._carried: frozenset[int] = frozenset()

    @property
    def number(self) -> int:
        """Index of `video` in the file."""
        return self.video.index

    @property
    def codec(self) -> str:
        """FFmpeg's name of the coding of `video`."""
        return self.video.codec_context.codec.canonical_name

    @property
    def aspect(self) -> Fraction | None:
        """Width of a pixel over its height, as container and coding say together; or None."""
        found = self.video.sample_aspect_ratio
        return Fraction(found) if found else None

    def chroma_location(self) -> str | None:
        """Where chroma samples lie, FFmpeg's name of it; None when the file does not say.

        PyAV has no attribute for it, but FFmpeg's description of the file has, to whoever asks for a verbose one. Asked
        for before there are decoder threads: their messages would wait for this one.
        """
        av.logging.set_libav_level(av.logging.VERBOSE)
        av.logging.set_level(av.logging.INFO)
        try:
            described: str = cast("Any", self.container).dumps_format()
        finally:
            av.logging.set_level(None)
            av.logging.set_libav_level(av.logging.INFO)
        lines = (line for line in described.splitlines() if line.startswith(f"  Stream #0:{self.video.index}"))
        # As in "yuv420p(tv, bt709, top first, left)", where the first "top" is about fields.
        words = (word.strip() for group in re.findall(r"\(([^()]*)\)", next(lines, "")) for word in group.split(","))
        return next((word for word in words if word in CHROMA_LOCATIONS), None)

    @property
    def field_order(self) -> int:
        """AVFieldOrder, as the header says."""
        return self.video.codec_context.field_order

    def tracks(self) -> Carried:
        """What else is in the file. From here on `items` hands on the packets of what may be carried."""
        found = carried(self.container)
        self._carried = found.indices
        return found

    def items(self) -> Generator[av.VideoFrame | Packet]:
        """Frames of `video`, in order of time; packets of carried tracks, untouched; as the file mixes them.

        Raises:
            Refusal: video.damaged, video.changes, memory, or a limit's code.
        """
        for packet in self._packets():
            if packet.stream_index == self.video.index:
                yield from self._decoded(packet)
            elif packet.size:
                self._meter.copied(packet)
                yield packet
        yield from self._decoded(None)
        if self._expected and not self._interlaced:
            self._damaged()

    def seek(self, pts: int) -> None:
        """Go to the last key frame that is not after a time, in units of `time_base`.

        Raises:
            av.FFmpegError: the file does not allow it; the reader is then useless.
        """
        self.container.seek(pts, stream=self.video)

    def close(self) -> None:
        """Let go of the file; it stays open."""
        self.container.close()

    def _packets(self) -> Iterator[Packet]:
        chosen = [stream for stream in self.container.streams if stream.index in self._carried]
        demuxer = self.container.demux(self.video, *chosen)
        while True:
            try:
                packet = next(demuxer, None)
            except av.FFmpegError as error:
                # What comes after this cannot be told from what does not belong to the file.
                self._damaged(error)
                return
            if packet is None:
                return
            # Empty ones say "as before" in AVI, and at the end "no more"; for a decoder they would be the end.
            if packet.size:
                yield packet

    def _decoded(self, packet: Packet | None) -> Iterator[av.VideoFrame]:
        if packet is not None:
            self._meter.sent(packet)
            # What is before the first key frame leans on what is not there, and no player shows it.
            if self._leads(packet):
                return
            if packet.is_corrupt:
                self._damaged()
                return
            self._expect(packet)
        try:
            frames = self.video.codec_context.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            self._damaged(error)
            return
        for frame in frames:
            if frame.is_corrupt:
                self._damaged()
                continue
            yield self._stamped(frame)

    def _leads(self, packet: Packet) -> bool:
        """Whether a packet stands before the first key frame, in the file or, for H.264, in time."""
        if self._key_pts is None:
            if not packet.is_keyframe:
                return True
            self._key_pts = -math.inf if packet.pts is None else packet.pts
        if self.video.codec_context.name != "h264" or packet.pts is None:
            return False
        return packet.pts < self._key_pts

    def _expect(self, packet: Packet) -> None:
        if self._slots is not None and packet.dts is not None:
            self._slots.append(packet.dts)
        if self.video.codec_context.name in ONE_FOR_ONE and packet.pts is not None and not packet.is_discard:
            self._expected.add(packet.pts)

    def _stamped(self, frame: av.VideoFrame) -> av.VideoFrame:
        frame.time_base = self.time_base
        if self._last_pts is None:
            # Frames that lean on what is before the beginning are not shown by any decoder.
            self._expected = {pts for pts in self._expected if frame.pts is None or pts > frame.pts}
        if frame.pts is not None:
            self._expected.discard(frame.pts)
        pts = frame.pts if frame.pts is not None else frame.dts
        if self._slots:
            pts = self._slots.popleft()
        step = frame.duration or round(1 / self.rate / self.time_base) or 1
        if pts is None:
            pts = 0 if self._last_pts is None else self._last_pts + step
        if self._last_pts is not None and pts <= self._last_pts:
            if pts < self._last_pts - step:
                self._damaged()
            pts = self._last_pts + 1  # two at a time: shown one after the other
        frame.pts = self._last_pts = pts
        self._interlaced = self._interlaced or frame.interlaced_frame
        self._meter.frame(frame)
        return frame

    def _damaged(self, error: av.FFmpegError | None = None) -> None:
        if isinstance(error, MemoryError):
            raise Refusal("memory") from None
        if not self._salvage:
            raise Refusal("video.damaged") from None
        self.lost += 1


def _choose(container: av.container.InputContainer) -> VideoStream:
    """The default video track, or the first."""
    tracks = [stream for stream in container.streams.video if not stream.disposition & _NO_VIDEO]
    if not tracks:
        raise Refusal("video.none")
    chosen = next((stream for stream in tracks if stream.disposition & Disposition.default), tracks[0])
    if chosen.codec_context is None or chosen.codec_context.name not in VIDEO_DECODERS:
        raise Refusal("video.codec")
    return chosen


def _refusal(error: av.FFmpegError) -> Refusal:
    return Refusal("memory" if isinstance(error, MemoryError) else "video.damaged")
