"""PNG headers."""

from __future__ import annotations

import struct
import zlib

from facegate.codes import Refusal
from facegate.vision.headers.exif import orientation
from facegate.vision.headers.header import Header, check_pieces, inflate

_SIGNATURE = 8
_PALETTE = 3
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_USED = _PIXELS | {b"iCCP", b"eXIf"}


def read(data: bytes) -> Header:
    """Walk the chunks, checking the sums of those that draw pixels; `payload` keeps no other.

    So text chunks are never inflated, however large they would become, and an animated PNG is its default image.
    Pillow does not check the sum of IDAT.
    """
    kept = [data[:_SIGNATURE]]
    packed: bytes | None = None
    profile: bytes | None = None
    turned = 1
    dropped = False
    position = _SIGNATURE
    kind = b""
    count = 0
    while kind != b"IEND":
        count += 1
        check_pieces(count)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise Refusal("decode.truncated")
        if (position == _SIGNATURE) != (kind == b"IHDR") or (kind == b"IHDR" and length != 13):
            raise Refusal("decode.header")
        chunk = data[position:end]
        position = end
        sound = kind in _USED and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if kind in _PIXELS:
            if not sound:
                raise Refusal("decode.damaged")
            kept.append(chunk)
            continue
        dropped = True
        if sound and kind == b"iCCP" and packed is None:
            # The first alone, as a PNG may have one: 4 KiB each become 4 MiB, and there is room for 16,000.
            packed = chunk[8:-4].partition(b"\0")[2][1:]
            profile = inflate(packed)
        elif sound and kind == b"eXIf":
            turned = orientation(chunk[8:-4])
    width, height, bits, colour = struct.unpack_from(">IIBB", data, _SIGNATURE + 8)
    if colour == _PALETTE and not any(chunk[4:8] == b"PLTE" for chunk in kept):
        raise Refusal("decode.header")  # Pillow would make one up
    payload = b"".join(kept) if dropped else data
    return Header("PNG", width, height, payload, orientation=turned, bits=bits, icc_profile=profile)
