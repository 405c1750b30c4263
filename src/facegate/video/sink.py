"""The output: frames encoded, packets of other tracks as they came."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from types import TracebackType
from typing import Any, cast

import av
import av.container
from av.stream import Stream
from av.video.stream import VideoStream

from facegate.codes import Refusal
from facegate.video.animated import with_last_duration
from facegate.video.carry import MUXERS, describe, font_name, holds
from facegate.video.codecs import OutputSettings, Plan, plan
from facegate.video.fit import TURNED, Fitter
from facegate.video.hdr import hdr_options
from facegate.video.info import Packet, TrackInfo
from facegate.video.source import VideoSource

_BOTTOM_FIRST = {3, 4}  # AV_FIELD_BB, AV_FIELD_TB: the bottom field is shown first
_INTERLACED = 1 << 18  # AV_CODEC_FLAG_INTERLACED_DCT
_BITEXACT = 1 << 23  # AV_CODEC_FLAG_BITEXACT
_BITEXACT_FORMAT = 0x400  # AVFMT_FLAG_BITEXACT
# Clocks of containers that have their own.
# 600 s of these still fit into 32 bits, which older players want.
_FINEST = 7_000_000
_UNITS = {"gif": Fraction(1, 100), "webp": Fraction(1, 1000)}
_INTERLEAVE = 10_000_000  # µs that one track may run ahead of another before it is written all the same


class VideoSink:
    """Writes one output, as a stream: what is given is encoded and written, nothing is read back.

    The header is written when the sink is made, from what `source` knows. The file has the upload's time line again,
    and what `facegate.video.carry` lets pass.

    Args:
        file: write, seek and tell are used, nothing else; not closed.
        source: of the frames and packets; only looked at while the sink is made.
        settings: what is asked of the output.

    Attributes:
        plan: container, codec and pixel format that were chosen.
        tracks: what became of each track of the upload.

    Raises:
        Refusal: a code of ``output.``, or memory.
    """

    def __init__(self, file: Any, source: VideoSource, settings: OutputSettings) -> None:
        self.plan: Plan = plan(source.info, settings)
        self._source_unit = source.info.time_base
        self._unit = _UNITS.get(self.plan.container, source.info.time_base)
        if self.plan.container == "avi":
            self._unit = 1 / Fraction(source.info.rate).limit_denominator(1_001)
        self._fitter = Fitter(self.plan, source.look, source.info.size_wh, source.info.time_base)
        self._last_pts: int | None = None
        self._durations: dict[int, int] = {}
        self._targets: dict[int, Stream] = {}
        self._done = False
        # SVT-AV1 tells its settings to standard error unless it is told not to: errors only.
        os.environ.setdefault("SVT_LOG", "1")
        try:
            self._container = av.open(
                file,
                "w",
                format=MUXERS[self.plan.container],
                container_options=_muxer_options(self.plan, source),
            )
            # No random numbers and no version of the muxer in it.
            self._container.flags |= _BITEXACT_FORMAT
            self._video = self._add_video(source, settings.threads)
            self._add_others(source)
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise _refusal(error) from None
        self.tracks = self._tracks(source)

    def frame(self, frame: av.VideoFrame) -> None:
        """Encode a frame. It may be changed, and must not be used any more.

        Raises:
            Refusal: output.failed or memory.
        """
        try:
            ready = self._fitter.fit(frame)
            # The upload's kind of picture (I, P, B) is not the output's; an encoder would follow it.
            ready.pict_type = 0
            if self._timed(ready):
                self._write(self._video.encode(ready))
        except (av.FFmpegError, ValueError) as error:
            raise _refusal(error) from None

    def packet(self, packet: Packet) -> None:
        """Copy a packet that the source handed on, if the output has its track.

        Raises:
            Refusal: output.failed or memory.
        """
        target = self._targets.get(packet.stream_index)
        if target is None:
            return
        if target.name == "mov_text" and self.plan.container in {"mp4", "mov"} and packet.size == 2:
            return  # an empty caption ends the one before it; the muxer writes these itself
        if packet.dts is None:
            packet.dts = packet.pts
        packet.stream = target
        try:
            self._container.mux_one(packet)
        except (av.FFmpegError, ValueError) as error:
            raise _refusal(error) from None

    def close(self) -> None:
        """Encode what is held back and write the end of the file. Closing twice is fine; without it the file is none.

        Raises:
            Refusal: output.failed or memory.
        """
        if self._done:
            return
        self._done = True
        try:
            # One by one: this may take a minute, and each packet that is written says that the encoder lives.
            for packet in self._video.codec_context.encode_lazy(None):
                packet.stream = self._video
                self._write([packet])
            self._container.close()
        except (av.FFmpegError, ValueError) as error:
            raise _refusal(error) from None

    def _timed(self, frame: av.VideoFrame) -> bool:
        """Put a frame on the output's time line; False when one stands there already: its clock is too coarse."""
        ratio = self._source_unit / self._unit
        pts = round((frame.pts or 0) * ratio)
        if self._last_pts is not None and pts <= self._last_pts:
            return False
        self._last_pts = pts
        if frame.duration:
            self._durations[pts] = round(frame.duration * ratio)
        frame.pts, frame.time_base = pts, self._unit
        return True

    def _write(self, packets: list[Packet]) -> None:
        for packet in packets:
            duration = self._durations.pop(packet.pts, None) if packet.pts is not None else None
            if duration is not None:
                packet.duration = duration
            self._container.mux_one(self._webp(packet) if self.plan.codec == "webp" else packet)

    def _webp(self, packet: Packet) -> Packet:
        """The encoder's one packet, which is the whole file, with the last frame's duration put right."""
        last = self._durations.get(self._last_pts or 0)
        if last is None:
            return packet
        ready: Packet = av.Packet(with_last_duration(bytes(packet), last))
        ready.stream, ready.time_base = self._video, packet.time_base
        ready.pts, ready.dts = packet.pts, packet.dts
        return ready

    def _add_video(self, source: VideoSource, threads: int) -> VideoStream:
        info, look = source.info, source.look
        rate = Fraction(info.rate).limit_denominator(1_001_000)
        stream = cast("VideoStream", self._container.add_stream(self.plan.encoder, rate=rate))
        context = stream.codec_context
        context.width, context.height = self._fitter.size_wh
        context.pix_fmt = self.plan.pixel_format
        context.time_base = self._unit
        stream.time_base = self._unit
        context.thread_count = threads
        context.thread_type = "AUTO"  # PyAV's default would cut x264's pictures into slices
        context.flags |= _BITEXACT
        context.color_range = look.color_range
        context.color_primaries = look.color_primaries
        context.color_trc = look.color_trc
        context.colorspace = look.colorspace
        if self._fitter.aspect:
            context.sample_aspect_ratio = self._fitter.aspect
        if look.interlaced:
            context.field_order = look.field_order
            # The others have no coding for fields; x265's is experimental.
            context.flags |= _INTERLACED if self.plan.codec in {"h264", "prores"} else 0
        context.options = self.plan.options | hdr_options(self.plan, look)
        if look.interlaced and self.plan.codec == "h264":
            # Said in so many words: left to the frames, an upload of bottom fields first came out as top fields first.
            order = "bff=1" if look.field_order in _BOTTOM_FIRST else "tff=1"
            params = context.options.get("x264-params")
            context.options["x264-params"] = f"{params}:{order}" if params else order
        if look.chroma_location is not None:
            context.options["chroma_sample_location"] = look.chroma_location
        if look.matrix is not None and self.plan.container not in TURNED:
            stream.set_display_matrix(look.matrix)
        if self.plan.codec == "hevc" and self.plan.container in {"mp4", "mov"}:
            context.codec_tag = "hvc1"
        return stream

    def _add_others(self, source: VideoSource) -> None:
        carried = source.carried
        for track in carried.tracks:
            if track.number not in carried.indices or not holds(self.plan.container, track):
                continue
            template = carried.streams[track.number]
            target = self._container.add_stream_from_template(template, opaque=True)
            describe(template, target)
            self._targets[track.number] = target
        if self.plan.container == "mkv":
            for number, (mimetype, data) in enumerate(carried.fonts, 1):
                self._container.add_attachment(font_name(number, mimetype), mimetype, data)
        if carried.chapters and self.plan.container not in {"avi", "gif", "webp"}:
            self._container.set_chapters(
                [
                    {
                        "id": number,
                        "start": chapter.start,
                        "end": chapter.end,
                        "time_base": chapter.time_base,
                        "metadata": {"title": f"Chapter {number}"},
                    }
                    for number, chapter in enumerate(carried.chapters, 1)
                ]
            )

    def _tracks(self, source: VideoSource) -> tuple[TrackInfo, ...]:
        return tuple(
            TrackInfo(
                kind=info.kind,
                codec=self.plan.codec if info.redacted else info.codec,
                copied=track.number in self._targets
                or (track.kind == "attachment" and holds(self.plan.container, track)),
                redacted=info.redacted,
            )
            for info, track in zip(source.info.tracks, source.carried.tracks, strict=True)
        )

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()


def _refusal(error: Exception) -> Refusal:
    return Refusal("memory" if isinstance(error, MemoryError) else "output.failed")


def _muxer_options(plan: Plan, source: VideoSource) -> dict[str, str]:
    options = {"max_interleave_delta": str(_INTERLEAVE)}
    loop = source.look.loop
    if plan.container in {"mp4", "mov"}:
        # Edit lists, and so the offsets of tracks, are in this unit; the usual 1/1000 s would shift them.
        options["movie_timescale"] = str(_common_unit(source))
    elif plan.container == "avi":
        # It numbers frames and knows no times: to move all by a part of a frame would leave one out.
        options["avoid_negative_ts"] = "disabled"
    elif plan.container == "gif":
        # Counts how often it plays again; -1 for once.
        options["loop"] = str(-1 if loop == 1 else (loop or 1) - 1 if loop else 0)
    elif plan.container == "webp":
        options["loop"] = str(loop or 0)
    return options


def _common_unit(source: VideoSource) -> int:
    """Ticks per second in which every track's time stamps are whole numbers, if that is a sensible number."""
    units = [
        source.info.time_base,
        *(Fraction(each.time_base) for each in source.carried.streams.values() if each.time_base),
    ]
    common = math.lcm(*(unit.denominator for unit in units))
    return common if common <= _FINEST else 90_000
