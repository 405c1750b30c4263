"""The one EXIF field that matters: orientation."""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4


def orientation(exif: bytes) -> int:
    """Orientation, 1 to 8; 1 when absent or malformed.

    Read by hand: Pillow's parser follows sub-directories, GPS and maker notes, which are of no use here.

    Args:
        exif: a TIFF structure, with or without the leading ``Exif`` and two zero bytes.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, offset)
        for position in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", exif, position)
            if tag == _ORIENTATION and kind in {_SHORT, _LONG} and number == 1:
                (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), exif, position + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:  # it points outside itself
        return 1
    return 1
