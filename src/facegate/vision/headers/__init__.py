"""Header readers: type, size and orientation of a picture, without a decoder.

Every reader takes the whole upload as bytes and returns a `Header`, or raises `Refusal`, `struct.error` or
`IndexError`; the last two mean that the upload ends inside its header. None allocates more than the upload's size.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from facegate.codes import Refusal
from facegate.vision.headers import bmp, gif, jpeg, png, tiff, webp
from facegate.vision.headers.header import Header

__all__ = ["Header", "read_header"]

_READERS: tuple[tuple[bytes, Callable[[bytes], Header]], ...] = (
    (b"\xff\xd8\xff", jpeg.read),
    (b"\x89PNG\r\n\x1a\n", png.read),
    (b"RIFF", webp.read),
    (b"GIF87a", gif.read),
    (b"GIF89a", gif.read),
    (b"II*\x00", tiff.read),
    (b"MM\x00*", tiff.read),
    (b"BM", bmp.read),
)


def read_header(data: bytes) -> Header:
    """Tell the type by content and read the header.

    Raises:
        Refusal: format.empty, format.unsupported, format.samples, format.compression, limit.metadata, limit.pieces,
            limit.scans, decode.header, decode.truncated or decode.damaged.
    """
    if not data:
        raise Refusal("format.empty")
    read = next((read for magic, read in _READERS if data.startswith(magic)), None)
    if read is None:
        raise Refusal("format.unsupported")
    try:
        header = read(data)
    except (struct.error, IndexError):
        raise Refusal("decode.truncated") from None
    if header.width < 1 or header.height < 1:
        raise Refusal("decode.header")
    return header
