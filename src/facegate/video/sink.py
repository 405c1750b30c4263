"""The output: frames encoded, packets of other tracks as they came."""

from __future__ import annotations

from fractions import Fraction
from types import TracebackType
from typing import Any, cast

import av
import av.container
from av.stream import Stream
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from facegate.codes import Refusal
from facegate.video.carry import MUXERS, describe, font_name, holds
from facegate.video.codecs import OutputSettings, Plan, plan
from facegate.video.hdr import hdr_options
from facegate.video.info import Packet, TrackInfo
from facegate.video.source import VideoSource

_INTERLACED = 1 << 18  # AV_CODEC_FLAG_INTERLACED_DCT
_BITEXACT = 1 << 23  # AV_CODEC_FLAG_BITEXACT
_BITEXACT_FORMAT = 0x400  # AVFMT_FLAG_BITEXACT
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
        self._look = source.look
        self._reformatter = VideoReformatter()
        self._durations: dict[int, int] = {}
        self._targets: dict[int, Stream] = {}
        self._done = False
        try:
            self._container = av.open(
                file,
                "w",
                format=MUXERS[self.plan.container],
                container_options={"max_interleave_delta": str(_INTERLEAVE)},
            )
            # No random numbers in it: the same upload gives the same file.
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
        ready = self._fitting(frame)
        # The upload's kind of picture (I, P, B) is not the output's; an encoder would follow it.
        ready.pict_type = 0
        if ready.pts is not None and ready.duration:
            self._durations[ready.pts] = ready.duration
        try:
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
            self._write(self._video.encode(None))
            self._container.close()
        except (av.FFmpegError, ValueError) as error:
            raise _refusal(error) from None

    def _write(self, packets: list[Packet]) -> None:
        for packet in packets:
            duration = self._durations.pop(packet.pts, None) if packet.pts is not None else None
            if duration is not None:
                packet.duration = duration
            self._container.mux_one(packet)

    def _fitting(self, frame: av.VideoFrame) -> av.VideoFrame:
        if frame.format.name == self.plan.pixel_format:
            return frame
        same_range = ColorRange.JPEG if self._look.full_range else ColorRange.MPEG
        return self._reformatter.reformat(
            frame,
            format=self.plan.pixel_format,
            src_color_range=same_range,
            dst_color_range=same_range,
        )

    def _add_video(self, source: VideoSource, threads: int) -> VideoStream:
        info, look = source.info, source.look
        rate = Fraction(info.rate).limit_denominator(1_001_000)
        stream = cast("VideoStream", self._container.add_stream(self.plan.encoder, rate=rate))
        context = stream.codec_context
        context.width, context.height = info.size_wh
        context.pix_fmt = self.plan.pixel_format
        context.time_base = info.time_base
        stream.time_base = info.time_base
        context.thread_count = threads
        context.thread_type = "AUTO"  # PyAV's default would cut x264's pictures into slices
        context.flags |= _BITEXACT
        context.color_range = look.color_range
        context.color_primaries = look.color_primaries
        context.color_trc = look.color_trc
        context.colorspace = look.colorspace
        if look.aspect:
            context.sample_aspect_ratio = look.aspect
        if look.interlaced and self.plan.codec == "h264":
            context.flags |= _INTERLACED
        context.options = self.plan.options | hdr_options(self.plan, look)
        if look.matrix is not None:
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
