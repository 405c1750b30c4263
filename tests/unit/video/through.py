"""Sends a video through source and sink, as the pipeline does, and looks at it with other eyes than theirs."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from PIL import Image

from facegate.policy import VideoLimits
from facegate.video.codecs import OutputSettings
from facegate.video.sink import VideoSink
from facegate.video.source import VideoSource
from fixtures.videos import GOOD, GoodVideo

_ATTACHED = 1 << 10  # AV_DISPOSITION_ATTACHED_PIC
_KEPT_SIDE_DATA = ("DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")


class WriteOnly:
    """A file that can be written, sought and told, and nothing else; `data` is what it holds."""

    def __init__(self) -> None:
        self._file = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    @property
    def data(self) -> bytes:
        return self._file.getvalue()


class ReadSeek:
    """A file that can be read and sought, and nothing else."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one video."""

    data: bytes
    output: bytes
    source: VideoSource
    sink: VideoSink
    frames: int


def through(data: bytes, *, threads: int = 1, salvage: bool = False, **settings: Any) -> Result:
    """Decode and encode, every frame made writable and touched in a corner, as a redaction would."""
    source = VideoSource(ReadSeek(data), VideoLimits(), threads=threads, salvage=salvage)
    target = WriteOnly()
    sink = VideoSink(target, source, OutputSettings(threads=threads, **settings))
    frames = 0
    for item in source.items():
        if isinstance(item, av.VideoFrame):
            item.make_writable()
            frames += 1
            sink.frame(item)
        else:
            sink.packet(item)
    sink.close()
    source.close()
    return Result(data, target.data, source, sink, frames)


@dataclass(frozen=True, slots=True)
class Seen:
    """A video as PyAV, or for WebP Pillow, shows it."""

    tracks: list[tuple[str, str, str]]
    times: list[float]
    duration: float
    size: tuple[int, int]
    aspect: Fraction | None
    pixel_format: str
    colours: tuple[int, ...]
    side_data: dict[str, bytes]
    interlaced: bool
    chapters: list[tuple[float, float]]
    packets: dict[int, list[tuple[bytes, float | None]]]
    texts: dict[str, str]
    pictures: list[np.ndarray]


def seen(data: bytes) -> Seen:
    """Everything about a file that an output must have again."""
    if data[8:12] == b"WEBP":
        return _seen_webp(data)
    with av.open(io.BytesIO(data)) as container:
        video = next(each for each in container.streams.video if not int(each.disposition) & _ATTACHED)
        frames, packets = [], {}
        slots: list[int] = []
        for packet in container.demux():
            if packet.stream is video:
                slots += [packet.dts] if packet.size else []
                frames += packet.decode()
            elif packet.size:
                when = None if packet.pts is None else round(float(packet.pts * packet.time_base), 4)
                packets.setdefault(packet.stream.index, []).append((bytes(packet), when))
        first = frames[0]
        # AVI has no times but the order of its packets.
        stamps = sorted(slots) if container.format.name == "avi" else [frame.pts for frame in frames]
        return Seen(
            tracks=[(each.type, _codec(each), each.metadata.get("language", "und")) for each in container.streams],
            times=[round(float(pts * video.time_base), 5) for pts in stamps],
            duration=(container.duration or 0) / av.time_base,
            size=(video.width, video.height),
            aspect=video.sample_aspect_ratio,
            pixel_format=first.format.name,
            # Unspecified range means the narrow one in YUV; streams have no other way to say so.
            colours=(max(first.color_range, 1), first.color_primaries, first.color_trc, first.colorspace),
            side_data={each.type.name: bytes(each) for each in first.side_data if each.type.name in _KEPT_SIDE_DATA},
            interlaced=first.interlaced_frame,
            chapters=[_chapter(each) for each in container.chapters()],
            packets=packets,
            texts={
                **container.metadata,
                **{f"{each.index}.{key}": value for each in container.streams for key, value in each.metadata.items()},
            },
            pictures=[frame.to_ndarray(format="rgb24").astype(np.int16) for frame in frames],
        )


@functools.cache
def result(name: str) -> Result:
    """What came of a good case, with default settings."""
    return through(case(name).make())


@functools.cache
def before_after(name: str) -> tuple[Seen, Seen]:
    """A good case, and what came of it."""
    found = result(name)
    return seen(found.data), seen(found.output)


def case(name: str) -> GoodVideo:
    """A good case by its name."""
    return next(each for each in GOOD if each.name == name)


def _codec(stream: Any) -> str:
    context = getattr(stream, "codec_context", None)
    return "none" if context is None else context.codec.canonical_name


def _chapter(chapter: dict[str, Any]) -> tuple[float, float]:
    return round(float(chapter["start"] * chapter["time_base"]), 4), round(
        float(chapter["end"] * chapter["time_base"]), 4
    )


def _seen_webp(data: bytes) -> Seen:
    with Image.open(io.BytesIO(data)) as image:
        times, pictures = [], []
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            times.append(image.info["timestamp"] / 1000)
            pictures.append(np.asarray(image.convert("RGB")).astype(np.int16))
        end = times[-1] + image.info["duration"] / 1000
        texts = {key: "" for key in ("exif", "xmp") if image.info.get(key)}
        return Seen(
            [("video", "webp", "und")], times, end, image.size, None, "rgba", (), {}, False, [], {}, texts, pictures
        )
