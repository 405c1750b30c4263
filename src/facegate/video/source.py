"""A video upload: what it is, its frames, and the packets that go with them."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import BinaryIO

import av
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import ColorRange

from facegate.codes import Refusal
from facegate.policy import VideoLimits
from facegate.video.animated import WebpReader
from facegate.video.carry import Carried, holds
from facegate.video.info import Look, Packet, TrackInfo, VideoInfo
from facegate.video.probe import probe
from facegate.video.reader import Reader

# Packets that are kept while the first frame is awaited. Files mix their tracks by the second.
_HELD_PACKETS, _HELD_BYTES = 8_192, 64 << 20
_MATRIX = struct.Struct("=9i")


class VideoSource:
    """A video file, read as a stream: nothing of it is held but what decoding needs.

    One video track is decoded. Audio, subtitles and fonts are handed on as packets; everything else is left out:
    `facegate.video.carry` says what and why. The first frame is decoded when the source is made, so `info` is what the
    decoder yields, not what a header claims.

    Args:
        file: read and seek are used; it must stay open, and is not closed.
        limits: held against the header, and against what comes.
        threads: for the decoder.
        salvage: leave out what does not decode, instead of refusing. The frame before it is then shown for longer; a
            frame that the decoder pieced together from others is left out too. `lost` counts them.

    Attributes:
        info: what is known.
        look: how its frames are to be shown.
        carried: what is taken over into the output besides frames and packets.

    Raises:
        Refusal: format.empty, a code of ``video.``, a code of ``limit.``, or memory.
    """

    def __init__(self, file: BinaryIO, limits: VideoLimits, *, threads: int = 1, salvage: bool = False) -> None:
        self._file = file
        self._limits = limits
        self._threads = threads
        self._salvage = salvage
        self._probe = probe(file)
        if self._probe.size > limits.bytes:
            raise Refusal("limit.bytes")
        if self._probe.truncated and not salvage:
            raise Refusal("video.truncated")
        self._lost = 0
        self._reader: Reader | WebpReader | None = None
        self._pass: Generator[av.VideoFrame | Packet] | None = None
        self._held: list[av.VideoFrame | Packet] = []
        self._start()

    @property
    def lost(self) -> int:
        """Frames and packets left out so far; always 0 without `salvage`."""
        return self._lost if self._reader is None else self._reader.lost

    def items(self) -> Iterator[av.VideoFrame | Packet]:
        """Frames of the video track and packets of the carried ones, as the file mixes them.

        Frames are in order of time, their pts strictly rising, and belong to the caller, who must call
        `make_writable` before changing one. A second call starts afresh and ends the first.

        Raises:
            Refusal: as above, in the middle of the video.
        """
        rest = self._pass if self._pass is not None and self._held else self._start()
        held = self._held
        self._held = []
        while held:
            yield held.pop(0)
        for item in rest:
            if isinstance(item, av.VideoFrame) and (item.width, item.height) != self.info.size_wh:
                raise Refusal("video.changes")
            yield item

    def seek_frame(self, seconds: float) -> av.VideoFrame:
        """The frame that is shown at a time; the first or last when that is before or after the video.

        Args:
            seconds: after the first frame.

        Raises:
            Refusal: as above.
        """
        # A float just below a frame's time means that frame.
        after = Fraction(max(seconds, 0.0)).limit_denominator(1_000_000)
        wanted = self.look.pts + int(after / self.info.time_base)
        self._end()
        # After a jump in AVI, which has slots and no time stamps, FFmpeg's count of them is not always right.
        jump = wanted > self.look.pts and self.info.container != "avi"
        found = self._found(wanted, jump=True) if jump else None
        # A jump may land after the time: not every index is right.
        if found is None or (found.pts or 0) > wanted:
            found = self._found(wanted, jump=False)
        if found is None:
            raise Refusal("video.empty")
        return found

    def close(self) -> None:
        """Let go of the file, which stays open. Closing twice is fine."""
        self._end()

    def _start(self) -> Generator[av.VideoFrame | Packet]:
        """Open the file from its beginning and go up to its first frame."""
        self._end()
        reader = self._open()
        self._reader = reader
        self.carried: Carried = reader.tracks()
        chroma = reader.chroma_location()
        self._pass = reader.items()
        self._held, held_bytes = [], 0
        for item in self._pass:
            self._held.append(item)
            if isinstance(item, av.VideoFrame):
                first = item
                break
            held_bytes += item.size
            if len(self._held) > _HELD_PACKETS or held_bytes > _HELD_BYTES:
                raise Refusal("video.damaged")
        else:
            raise Refusal("video.empty")
        self.look = _look(first, reader, chroma, self._probe.loop)
        self.info = self._described(reader, first)
        return self._pass

    def _open(self) -> Reader | WebpReader:
        if self._probe.container == "webp":
            return WebpReader(self._file, self._limits, salvage=self._salvage)
        return Reader(
            self._file,
            self._probe.container,
            self._probe.size,
            self._limits,
            threads=self._threads,
            salvage=self._salvage,
        )

    def _described(self, reader: Reader | WebpReader, first: av.VideoFrame) -> VideoInfo:
        tracks = tuple(
            TrackInfo(
                kind=track.kind,
                codec=track.codec,
                copied=holds(self._probe.container, track),
                redacted=track.number == reader.number,
            )
            for track in self.carried.tracks
        )
        return VideoInfo(
            container=self._probe.container,
            codec=reader.codec,
            size_wh=(first.width, first.height),
            # PyAV's is counter-clockwise.
            rotation=round(-first.rotation / 90) * 90 % 360,
            pixel_format=first.format.name,
            duration=reader.duration,
            frames=reader.frames,
            rate=float(reader.rate),
            start=float((first.pts or 0) * reader.time_base),
            tracks=tracks,
            time_base=reader.time_base,
            interlaced=first.interlaced_frame,
        )

    def _found(self, wanted: int, *, jump: bool) -> av.VideoFrame | None:
        """The last frame whose time is not after `wanted`, or else the first that is met."""
        reader = self._open()
        try:
            if jump:
                try:
                    reader.seek(wanted)
                except av.FFmpegError:
                    return None
            best: av.VideoFrame | None = None
            for item in reader.items():
                if not isinstance(item, av.VideoFrame):
                    continue
                if best is not None and (item.pts or 0) > wanted:
                    break
                best = item
            return best
        finally:
            reader.close()

    def _end(self) -> None:
        self._held = []
        if self._pass is not None:
            self._pass.close()
            self._pass = None
        if self._reader is not None:
            self._lost = self._reader.lost
            self._reader.close()
            self._reader = None


def _look(first: av.VideoFrame, reader: Reader | WebpReader, chroma: str | None, loop: int | None) -> Look:
    name = first.format.name
    full_range = first.color_range == ColorRange.JPEG or name.startswith("yuvj")
    matrix = _side(first, SideData.DISPLAYMATRIX)
    return Look(
        pts=first.pts or 0,
        pixel_format=name,
        full_range=full_range,
        color_range=int(ColorRange.JPEG) if full_range else first.color_range,
        color_primaries=first.color_primaries,
        color_trc=first.color_trc,
        colorspace=first.colorspace,
        aspect=reader.aspect,
        matrix=None if matrix is None or len(matrix) != _MATRIX.size else _MATRIX.unpack(matrix),
        mastering=_side(first, SideData.MASTERING_DISPLAY_METADATA),
        light=_side(first, SideData.CONTENT_LIGHT_LEVEL),
        interlaced=first.interlaced_frame,
        loop=loop,
        chroma_location=chroma,
        field_order=reader.field_order,
    )


def _side(frame: av.VideoFrame, kind: SideData) -> bytes | None:
    return bytes(frame.side_data[kind]) if kind in frame.side_data else None
