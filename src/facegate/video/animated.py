"""Animated WebP, which FFmpeg does not read: its frames by Pillow's decoder."""

from __future__ import annotations

import io
import struct
from collections.abc import Generator
from fractions import Fraction
from typing import BinaryIO, Final

import av
import numpy as np
from PIL import Image, WebPImagePlugin

from facegate.codes import Refusal
from facegate.policy import VideoLimits
from facegate.video.carry import NOTHING_ELSE, Carried, Track
from facegate.video.info import Packet
from facegate.video.limits import Meter, check_claims, check_picture

_UNIT: Final = Fraction(1, 1000)  # of the durations in the file, seconds
_ANIMATED: Final = 0x02  # flag of the VP8X chunk
# The decoder wants the whole file in memory, and copies it.
_MOST_BYTES: Final = 64 << 20


class WebpReader:
    """One pass over an animated WebP; offers what `facegate.video.reader.Reader` does.

    Args:
        file: read and seek are used; read as a whole, 64 MiB at most.
        limits: of the policy.
        salvage: end at the first frame that does not decode, instead of refusing.

    Raises:
        Refusal: video.unsupported for a still picture, video.damaged, or a limit's code.
    """

    codec = "webp"
    number = 0
    field_order = 0
    aspect = None
    time_base = _UNIT

    def __init__(self, file: BinaryIO, limits: VideoLimits, *, salvage: bool) -> None:
        file.seek(0)
        self._data = file.read(_MOST_BYTES + 1)
        if len(self._data) > _MOST_BYTES:
            raise Refusal("limit.bytes")
        self._limits = limits
        self._salvage = salvage
        self.lost = 0
        try:
            self._durations = self._looked()
        except (struct.error, IndexError):
            raise Refusal("video.damaged") from None
        self.frames = len(self._durations)
        self.duration: float | None = sum(self._durations) / 1000
        self.rate = Fraction(1000 * self.frames, sum(self._durations) or 1000)
        check_claims(self.duration, self.frames, len(self._data), limits)

    def chroma_location(self) -> str | None:
        """There is no chroma: frames are RGBA."""

    def tracks(self) -> Carried:
        """The one track that there is."""
        return NOTHING_ELSE._replace(tracks=(Track(0, "video", "webp", "webp"),))

    def items(self) -> Generator[av.VideoFrame | Packet]:
        """Frames, RGBA, with their durations.

        Raises:
            Refusal: video.damaged, memory, or a limit's code.
        """
        meter = Meter(self._limits, _UNIT)
        try:
            picture = WebPImagePlugin.WebPImageFile(io.BytesIO(self._data))
        except (OSError, SyntaxError, ValueError, RuntimeError):
            raise Refusal("video.damaged") from None
        pts = 0
        with picture:
            for number, duration in enumerate(self._durations):
                frame = self._decoded(picture, number)
                if frame is None:
                    return
                frame.pts, frame.time_base, frame.duration = pts, _UNIT, duration
                pts += max(duration, 1)
                meter.frame(frame)
                yield frame

    def seek(self, pts: int) -> None:
        """There is no index: a reader starts at the beginning."""

    def close(self) -> None:
        """Let go of the bytes."""
        self._data = b""

    def _decoded(self, picture: Image.Image, number: int) -> av.VideoFrame | None:
        try:
            picture.seek(number)
            pixels = np.asarray(picture.convert("RGBA"))
        except MemoryError:
            raise Refusal("memory") from None
        except (OSError, SyntaxError, ValueError, RuntimeError, EOFError):
            if not self._salvage:
                raise Refusal("video.damaged") from None
            self.lost += len(self._durations) - number
            return None
        return av.VideoFrame.from_ndarray(pixels, format="rgba")

    def _looked(self) -> list[int]:
        """Durations of the frames, milliseconds, from the chunks' headers; the canvas is held against the limits."""
        durations: list[int] = []
        animated = False
        at, data = 12, self._data
        while at + 8 <= len(data):
            kind, size = struct.unpack_from("<4sI", data, at)
            if kind == b"VP8X":
                flags, canvas = data[at + 8], data[at + 12 : at + 18]
                width, height = (int.from_bytes(canvas[i : i + 3], "little") + 1 for i in (0, 3))
                check_picture(width, height, self._limits)
                animated = bool(flags & _ANIMATED)
            elif kind == b"ANMF":
                durations.append(int.from_bytes(data[at + 20 : at + 23], "little"))
            at += 8 + size + (size & 1)
        if not animated or not durations:
            raise Refusal("video.unsupported")
        return durations


def with_last_duration(data: bytes, milliseconds: int) -> bytes:
    """An animated WebP whose last frame is shown for so long; libwebp's encoder can only guess that.

    Args:
        data: a whole file, of our own encoder.
        milliseconds: up to 2**24 - 1.
    """
    at = data.rfind(b"ANMF")
    if at < 0:
        return data
    field = at + 8 + 12
    return data[:field] + min(milliseconds, (1 << 24) - 1).to_bytes(3, "little") + data[field + 3 :]
