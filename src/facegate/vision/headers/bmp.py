"""BMP headers."""

from __future__ import annotations

import struct

from facegate.codes import Refusal
from facegate.vision.headers.header import Header

_CORE = 12
_LATER = frozenset({40, 52, 56, 64, 108, 124})
_UNCOMPRESSED = frozenset({0, 3})
_RUN_LENGTH = frozenset({1, 2})
# Pillow's decoder of runs is written in Python: 0.25 s for a MiB of runs, 0.1 s for a million pixels.
_MOST_RUNS, _MOST_RUN_PIXELS = 4 << 20, 16_000_000


def read(data: bytes) -> Header:
    """Size from the info header; a negative height means that the top row comes first."""
    offset, size = struct.unpack_from("<II", data, 10)
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    elif size in _LATER:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        height = abs(height)
    else:
        raise Refusal("decode.header")
    if width < 1 or bits not in {1, 4, 8, 16, 24, 32}:
        raise Refusal("decode.header")
    if compression in _UNCOMPRESSED:
        row = (width * bits + 31) // 32 * 4
        if offset + row * height > len(data):  # before anything is allocated for it
            raise Refusal("decode.truncated")
    elif compression not in _RUN_LENGTH or len(data) > _MOST_RUNS or width * height > _MOST_RUN_PIXELS:
        raise Refusal("format.compression")
    return Header("BMP", width, height, data)
