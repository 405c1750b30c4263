"""GIF headers."""

from __future__ import annotations

import struct

from facegate.codes import Refusal
from facegate.vision.headers.header import Header, check_pieces

_IMAGE, _EXTENSION, _CONTROL = 0x2C, 0x21, 0xF9


def read(data: bytes) -> Header:
    """Size of the canvas, grown to hold the first frame, as Pillow does.

    Read by hand because Pillow fills a canvas for some disposal methods while it opens a file. `payload` keeps, of the
    extensions before the first frame, the ones that make a colour transparent: no comment and no application's data.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _table(flags)
    kept = [data[:position]]
    pieces = 0
    while data[position] == _EXTENSION:
        start, label = position, data[position + 1]
        position += 2
        pieces += 1
        while data[position]:
            position += 1 + data[position]
            pieces += 1
            check_pieces(pieces)
        position += 1
        check_pieces(pieces)
        if label == _CONTROL:
            kept.append(data[start:position])
    if data[position] != _IMAGE:
        raise Refusal("decode.header")
    kept.append(data[position:])
    left, top, across, down = struct.unpack_from("<HHHH", data, position + 1)
    if across < 1 or down < 1:
        raise Refusal("decode.header")
    payload = data if sum(map(len, kept)) == len(data) else b"".join(kept)
    return Header("GIF", max(width, left + across), max(height, top + down), payload)


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
