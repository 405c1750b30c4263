"""What is known of a still picture before any decoder sees it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from facegate.codes import Refusal
from facegate.sizes import MAX_ICC_BYTES

# Segments, chunks, blocks, strips. Each costs Python about a microsecond and some of them Pillow a hundred bytes, so
# 64 MiB of empty ones took 30 seconds and 3 GB. Honest files have thousands at most: an IDAT chunk takes 8 KiB.
MAX_PIECES = 65_536


@dataclass(frozen=True, slots=True)
class Header:
    """One upload's header, read by facegate itself.

    Attributes:
        format: Pillow's name of the type, e.g. ``"JPEG"``.
        width: pixels, before orientation.
        height: pixels, before orientation.
        payload: what the decoder gets: the upload less what does not draw pixels (EXIF, XMP, text, thumbnails, further
            pages). A parser that never sees a metadatum cannot be attacked through it.
        orientation: EXIF orientation, 1 to 8.
        bits: bits per sample; 8 where the format has no choice.
        inverted: 0 is white, and the decoder does not know it.
        icc_profile: where `payload` no longer has it.
    """

    format: str
    width: int
    height: int
    payload: bytes
    orientation: int = 1
    bits: int = 8
    inverted: bool = False
    icc_profile: bytes | None = None


def check_pieces(count: int) -> None:
    """Refuse a file that consists of more pieces than any real one.

    Raises:
        Refusal: limit.pieces.
    """
    if count > MAX_PIECES:
        raise Refusal("limit.pieces")


def inflate(packed: bytes) -> bytes | None:
    """Inflate a colour profile, giving up (None) when it is damaged, or over `MAX_ICC_BYTES` however small it came."""
    engine = zlib.decompressobj()
    try:
        plain = engine.decompress(packed, MAX_ICC_BYTES)
    except zlib.error:
        return None
    return plain if engine.eof else None
