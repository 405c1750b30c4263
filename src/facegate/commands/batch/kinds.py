"""Which files are pictures and videos, told by their first bytes; nothing of a file is decoded here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal, TypeAlias

Media: TypeAlias = Literal["image", "video"]

# Enough for every signature below: the second packet of an MPEG transport stream begins at 188.
HEAD: Final = 192
_PACKET: Final = 188
# The document type of Matroska stands within so many bytes of any muxer's file.
_EBML: Final = 64

PICTURE_FORMATS: Final = ("jpeg", "png", "webp")
VIDEO_FORMATS: Final = ("mp4", "mov", "mkv", "webm", "avi", "gif")

# Names of `facegate.video`, which the worker's side does not import.
CODECS: Final = ("h264", "hevc", "vp9", "av1", "prores", "ffv1")
PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
PROFILES: Final = ("fast", "balanced", "thorough")

# By format of the output: the names that it may have, the usual one first.
SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "mp4": (".mp4", ".m4v"),
    "mov": (".mov", ".qt"),
    "mkv": (".mkv",),
    "webm": (".webm",),
    "avi": (".avi",),
    "gif": (".gif",),
}

# Brands of ISO base media files that are no video: pictures in HEIF and AVIF, and sound alone.
_HEIF: Final = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
_SOUND: Final = {b"M4A ", b"M4B ", b"M4P "}
# QuickTime files older than the brands begin with one of these atoms.
_ATOMS: Final = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
# Sizes of the header that follows a bitmap's own: "BM" alone is how many texts begin.
_BITMAP_HEADERS: Final = {12, 40, 52, 56, 64, 108, 124}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file holds.

    Attributes:
        media: whether it goes the way of pictures or of videos; an animation is a video.
        format: of the output unless another is asked for. What is not written becomes what loses nothing: TIFF and BMP
            become PNG, an MPEG transport stream MP4.
    """

    media: Media
    format: str


_BY_SUFFIX: Final[dict[str, Kind]] = {
    **{suffix: Kind("image", name) for name in PICTURE_FORMATS for suffix in SUFFIXES[name]},
    **{suffix: Kind("video", name) for name in VIDEO_FORMATS for suffix in SUFFIXES[name]},
    **dict.fromkeys((".tif", ".tiff", ".bmp"), Kind("image", "png")),
}


def kind_of(head: bytes, name: str) -> Kind | None:
    """What a file is, by its content; where that is unknown by its name, for the child to say what is wrong with it.

    Args:
        head: the first `HEAD` bytes, or all if there are fewer.
        name: of the file.

    Returns:
        None if neither says that it is a picture or video.
    """
    if is_heif(head) or head[8:12] in _SOUND:
        return None
    return _by_content(head) or _BY_SUFFIX.get(PurePath(name).suffix.lower())


def is_heif(head: bytes) -> bool:
    """Whether it is a picture in HEIF or AVIF, which facegate does not read: worth a word of its own."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF


def output_kind(name: str) -> Kind | None:
    """What an output of this name would be; None if facegate writes no such thing."""
    suffix = PurePath(name).suffix.lower()
    kind = _BY_SUFFIX.get(suffix)
    return None if kind is None or suffix not in SUFFIXES[kind.format] else kind


def _by_content(head: bytes) -> Kind | None:
    kind = None
    if head.startswith(b"\xff\xd8\xff"):
        kind = Kind("image", "jpeg")
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = Kind("image", "png")
    elif head.startswith((b"GIF87a", b"GIF89a")):
        # Whether it moves would take a walk through it. As a video of one frame it stays a GIF either way.
        kind = Kind("video", "gif")
    elif head[:4] == b"RIFF":
        kind = _riff(head)
    elif head.startswith((b"II*\0", b"MM\0*")) or _is_bitmap(head):
        kind = Kind("image", "png")
    elif head[4:8] == b"ftyp":
        kind = Kind("video", "mov" if head[8:12] == b"qt  " else "mp4")
    elif head[4:8] in _ATOMS:
        kind = Kind("video", "mov")
    elif head[:1] == b"G" == head[_PACKET : _PACKET + 1]:
        kind = Kind("video", "mp4")
    elif head.startswith(b"\x1a\x45\xdf\xa3"):
        kind = Kind("video", "webm" if b"webm" in head[:_EBML] else "mkv")
    return kind


def _riff(head: bytes) -> Kind | None:
    if head[8:12] == b"AVI ":
        return Kind("video", "avi")
    if head[8:12] != b"WEBP":
        return None
    # The second bit of an extended header's flags says that it is an animation.
    moves = head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 2)
    return Kind("video" if moves else "image", "webp")


def _is_bitmap(head: bytes) -> bool:
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS
