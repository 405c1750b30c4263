"""What is known of a video before it is redacted, and how its frames are to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

import av

if TYPE_CHECKING:
    from av.stream import Stream

Packet: TypeAlias = "av.Packet[Stream]"
TrackKind = Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]
Container = Literal["mp4", "mov", "mkv", "webm", "avi", "ts", "gif", "webp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInfo:
    """One track of the file.

    Attributes:
        kind: what it holds.
        codec: FFmpeg's name of its coding, or ``"unknown"``.
        copied: whether its packets are carried over untouched. False for the track that is redacted and for all that
            is dropped; of a source, it says what holds for an output of the same container.
        redacted: whether it is the one track that is decoded, redacted and encoded again.
    """

    kind: TrackKind
    codec: str
    copied: bool
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a source says of itself, its header confirmed by its first decoded frame.

    Attributes:
        container: of the file.
        codec: of the one track that is decoded: FFmpeg's name of the coding, as ``"h264"``.
        size_wh: coded width and height, pixels; boxes are in these.
        rotation: degrees clockwise that a player turns the picture by: 0, 90, 180 or 270.
        pixel_format: FFmpeg's name of what the decoder yields.
        duration: seconds, as the header says; or None.
        frames: as the header says; or None. Not to be relied on.
        rate: frames per second, on average, as far as the header tells; 25 if it does not.
        start: time of the first frame, seconds, on the file's own time line.
        tracks: all of them, in the file's order.
        time_base: unit of `av.VideoFrame.pts`, seconds.
        interlaced: whether the first frame is made of two fields.
    """

    container: Container
    codec: str
    size_wh: tuple[int, int]
    rotation: int
    pixel_format: str
    duration: float | None
    frames: int | None
    rate: float
    start: float
    tracks: tuple[TrackInfo, ...]
    time_base: Fraction
    interlaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How frames are to be shown, as the first one says; the numbers are FFmpeg's.

    Attributes:
        pts: of that frame, in units of the track's time base.
        pixel_format: FFmpeg's name.
        full_range: whether luma goes from 0 to 255, not from 16 to 235.
        color_range: AVColorRange.
        color_primaries: AVColorPrimaries.
        color_trc: AVColorTransferCharacteristic.
        colorspace: AVColorSpace.
        aspect: width of a pixel over its height; or None.
        matrix: the display matrix (rotation, flip), nine numbers of AV_PKT_DATA_DISPLAYMATRIX; or None.
        mastering: AVMasteringDisplayMetadata's bytes, or None.
        light: AVContentLightMetadata's bytes, or None.
        interlaced: whether it is made of two fields.
        chroma_location: where a chroma sample lies between its luma samples, FFmpeg's name; None for the default.
        field_order: AVFieldOrder.
        loop: how often a GIF or WebP plays, 0 for ever; None for what does not loop.
    """

    pts: int
    pixel_format: str
    full_range: bool
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int
    aspect: Fraction | None
    matrix: tuple[int, ...] | None
    mastering: bytes | None
    light: bytes | None
    interlaced: bool
    loop: int | None = None
    chroma_location: str | None = None
    field_order: int = 0
