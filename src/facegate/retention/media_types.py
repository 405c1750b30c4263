"""What may be kept: encoded pictures and videos of known types, and small logs. Nothing facial is among them.

A landmark file, a saved tensor or an array is no medium of these types, whatever it is called, so it does not enter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from facegate.errors import NotForKeepingError
from facegate.showable import is_showable

LOG: Final = "application/json"
# As many first bytes as the checks look at.
HEAD: Final = 16
_MOST_FIELDS: Final = 64
_LONGEST_TEXT: Final = 500


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _riff(word: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == word


def _brand(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO 14496-12: a file begins with its brand."""
    return lambda head: head[4:8] == b"ftyp" and (not brands or head[8:12] in brands)


# By media type, how such a file begins.
_BEGINNINGS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/webp": _riff(b"WEBP"),
    "image/bmp": _begins(b"BM"),
    "image/tiff": _begins(b"II*\0", b"MM\0*"),
    "image/avif": _brand(b"avif", b"avis"),
    "image/heic": _brand(b"heic", b"heix", b"hevc", b"mif1", b"msf1"),
    "video/mp4": _brand(),
    "video/quicktime": lambda head: head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"},
    "video/webm": _begins(b"\x1a\x45\xdf\xa3"),
    "video/x-matroska": _begins(b"\x1a\x45\xdf\xa3"),
    "video/x-msvideo": _riff(b"AVI "),
    "video/mp2t": lambda head: head[:1] == b"G",
}
MEDIA_TYPES: Final = tuple(sorted(_BEGINNINGS))
_EXTENSIONS: Final[Mapping[str, str]] = {
    LOG: ".json",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
    "video/mp2t": ".ts",
}


def extension(media_type: str) -> str:
    """What the names of such files end with; nothing for what is no type of these."""
    return _EXTENSIONS.get(media_type, "")


def check_type(media_type: str) -> None:
    """Raise for what is no medium.

    Raises:
        NotForKeepingError: it is none of `MEDIA_TYPES`.
    """
    if media_type not in _BEGINNINGS:
        raise NotForKeepingError(f"The media type must be one of {', '.join(MEDIA_TYPES)}.")


def check_head(media_type: str, head: bytes) -> None:
    """Raise where content does not begin as its type does.

    Raises:
        NotForKeepingError: it is of another type, or no medium at all.
    """
    if not _BEGINNINGS[media_type](head):
        raise NotForKeepingError(f"The content does not begin as {media_type} does.")


def log_bytes(entries: Mapping[str, Any]) -> bytes:
    """A log as it is kept: JSON of names and plain values.

    Raises:
        NotForKeepingError: it has something else, as a list of numbers, or is too large.
    """
    if not isinstance(entries, Mapping) or not entries or len(entries) > _MOST_FIELDS:
        raise NotForKeepingError(f"A log is a mapping of 1 to {_MOST_FIELDS} names to plain values.")
    for name, value in entries.items():
        if not is_showable(name) or len(name) > _LONGEST_TEXT or not _is_plain(value):
            raise NotForKeepingError(
                f"A log holds texts of up to {_LONGEST_TEXT} characters, whole numbers, true, false and null under "
                "names; nothing nested, and no fractions, of which geometry is made."
            )
    return json.dumps(dict(entries), sort_keys=True, separators=(",", ":")).encode()


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT and (value == "" or is_showable(value))
    return value is None or isinstance(value, bool) or (type(value) is int and abs(value) < 1 << 63)
