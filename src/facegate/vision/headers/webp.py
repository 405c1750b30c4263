"""WebP headers."""

from __future__ import annotations

import itertools
import struct

from facegate.codes import Refusal
from facegate.vision.headers.exif import orientation
from facegate.vision.headers.header import Header, check_pieces


def read(data: bytes) -> Header:
    """Size from the first chunk, which is VP8, VP8L or VP8X; libwebp refuses frames outside a VP8X canvas.

    Read by hand because libwebp allocates the whole canvas, twice, as soon as Pillow opens a file.
    """
    if data[8:12] != b"WEBP":
        raise Refusal("format.unsupported")
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise Refusal("decode.truncated")
    kind, body = data[12:16], 20
    if kind == b"VP8X":
        width = 1 + int.from_bytes(_exactly(data, body + 4, 3), "little")
        height = 1 + int.from_bytes(_exactly(data, body + 7, 3), "little")
    elif kind == b"VP8L":
        mark, packed = struct.unpack_from("<BI", data, body)
        if mark != 0x2F:
            raise Refusal("decode.header")
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        if _exactly(data, body + 3, 3) != b"\x9d\x01\x2a":
            raise Refusal("decode.header")
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, body + 6))
    else:
        raise Refusal("decode.header")
    return Header("WEBP", width, height, data, orientation=_orientation(data))


def _orientation(data: bytes) -> int:
    position = 12
    for count in itertools.count():
        check_pieces(count)
        if position + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            return orientation(data[position + 8 : position + 8 + length])
        position += 8 + length + (length & 1)
    return 1


def _exactly(data: bytes, start: int, length: int) -> bytes:
    part = data[start : start + length]
    if len(part) != length:
        raise Refusal("decode.truncated")
    return part
