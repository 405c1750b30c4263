"""GIF headers."""

from __future__ import annotations

import struct

from facegate.codes import Refusal
from facegate.vision.headers.header import Header

_IMAGE, _EXTENSION = 0x2C, 0x21


def read(data: bytes) -> Header:
    """Size of the canvas, grown to hold the first frame, as Pillow does.

    Read by hand because Pillow fills a canvas for some disposal methods while it opens a file.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _table(flags)
    while data[position] == _EXTENSION:
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    if data[position] != _IMAGE:
        raise Refusal("decode.header")
    left, top, across, down = struct.unpack_from("<HHHH", data, position + 1)
    if across < 1 or down < 1:
        raise Refusal("decode.header")
    return Header("GIF", max(width, left + across), max(height, top + down), data)


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
