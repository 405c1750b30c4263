"""TIFF headers."""

from __future__ import annotations

import struct

from facegate.codes import Refusal
from facegate.vision.headers.header import Header, check_pieces

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 259, 262, 274
_TILE_WIDTH, _TILE_HEIGHT, _SAMPLE_FORMAT = 322, 323, 339
# The tags that say how pixels are stored, and the colour profile. Not EXIF, GPS, XMP, IPTC, sub-directories, ...
_KEPT = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320}
    | {_TILE_WIDTH, _TILE_HEIGHT, 324, 325, 332, 338, _SAMPLE_FORMAT, 347, 529, 530, 532, 34675}
)
_STRIPS = frozenset({273, 279, 324, 325})
# Pillow makes a Python object of each number, but bytes of these types.
_BYTES = frozenset({1, 2, 7})
_MOST_NUMBERS = 3 << 16  # a palette of 16 bits, the longest list of numbers besides that of strips
_MOST_SAMPLES = 64
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# None, CCITT, LZW, JPEG, Deflate (two numbers), PackBits. The others of libtiff are rare, and their decoders many.
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32946, 32773})


class _Directory:
    """The first directory's kept entries: tag to (type, count, raw 4-byte value or offset)."""

    def __init__(self, data: bytes) -> None:
        self.order = "<" if data.startswith(b"II") else ">"
        self.data = data
        self.entries: dict[int, tuple[int, int, bytes]] = {}
        (offset,) = struct.unpack_from(self.order + "I", data, 4)
        (count,) = struct.unpack_from(self.order + "H", data, offset)
        total = 0
        for position in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number, raw = struct.unpack_from(self.order + "HHI4s", data, position)
            # The first of a tag counts, here and below: libtiff and Pillow disagree on twins.
            if (tag in _KEPT or tag == _ORIENTATION) and kind in _SIZES and tag not in self.entries:
                if tag in _STRIPS:
                    check_pieces(number)
                elif number > _MOST_NUMBERS and kind not in _BYTES:
                    raise Refusal("limit.metadata")
                self.entries[tag] = (kind, number, raw)
                total += number * _SIZES[kind]
        # Entries of an honest file do not overlap; here 65,535 of them could each claim the whole file.
        if total > len(data):
            raise Refusal("limit.metadata")

    def numbers(self, tag: int, default: int) -> tuple[int, ...]:
        """Values of a SHORT or LONG tag that has one for each sample of a pixel."""
        kind, count, raw = self.entries.get(tag, (0, 0, b""))
        code = {1: "B", 3: "H", 4: "I"}.get(kind)
        if code is None or not count:
            return (default,)
        if count > _MOST_SAMPLES:
            raise Refusal("format.samples")
        if count * _SIZES[kind] <= 4:
            return struct.unpack_from(f"{self.order}{count}{code}", raw)
        (offset,) = struct.unpack(self.order + "I", raw)
        return struct.unpack_from(f"{self.order}{count}{code}", self.data, offset)

    def number(self, tag: int, default: int) -> int:
        return self.numbers(tag, default)[0]

    def payload(self) -> bytes:
        """The upload with a directory of the kept entries alone, and no further page, put at its end."""
        entries = sorted((tag, entry) for tag, entry in self.entries.items() if tag != _ORIENTATION)
        body = bytes(len(self.data) & 1)  # directories begin at even offsets
        end = len(self.data) + len(body)
        body += struct.pack(self.order + "H", len(entries))
        for tag, (kind, count, raw) in entries:
            body += struct.pack(self.order + "HHI4s", tag, kind, count, raw)
        return self.data[:4] + struct.pack(self.order + "I", end) + self.data[8:] + body + bytes(4)


def read(data: bytes) -> Header:
    """Read the first page's directory, and rewrite it.

    Pillow would load every directory of the file, and EXIF, and whatever they point at, for a single page.
    """
    page = _Directory(data)
    width, height = page.number(_WIDTH, 0), page.number(_HEIGHT, 0)
    depths = set(page.numbers(_BITS, 1))
    bits = max(depths)
    if len(depths) != 1 or bits not in {1, 2, 4, 8, 16} or set(page.numbers(_SAMPLE_FORMAT, 1)) - {1, 4}:
        raise Refusal("format.samples")
    if page.number(_COMPRESSION, 1) not in _COMPRESSIONS:
        raise Refusal("format.compression")
    if max(page.number(_TILE_WIDTH, 1), page.number(_TILE_HEIGHT, 1)) > 2 * max(width, height, 512):
        raise Refusal("decode.header")  # libtiff allocates whole tiles
    inverted = bits == 16 and page.number(_PHOTOMETRIC, 1) == 0
    if inverted:  # Pillow reads 16-bit WhiteIsZero as if it were BlackIsZero, or not at all
        page.entries[_PHOTOMETRIC] = (3, 1, struct.pack(page.order + "HH", 1, 0))
    turned = page.number(_ORIENTATION, 1)
    return Header(
        "TIFF",
        width,
        height,
        page.payload(),
        orientation=turned if 1 <= turned <= 8 else 1,
        bits=bits,
        inverted=inverted,
    )
