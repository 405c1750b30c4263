"""JPEG headers."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator

from facegate.codes import Refusal
from facegate.vision.headers.exif import orientation
from facegate.vision.headers.header import Header, check_pieces

_TABLES = frozenset({0xC4, 0xDB, 0xDD})  # Huffman, quantization, restart interval
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all with Huffman codes
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})  # lossless, arithmetic, ...
_APP = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # they decide on colour
_EXIF, _END, _SCAN = 0xE1, 0xD9, 0xDA
_LONE = frozenset({0x00, 0x01, 0xD8, *range(0xD0, 0xD8)})  # markers without a segment
_NOT_FILL = re.compile(rb"[^\xff]")
# Real progressive pictures have about ten; each scan costs a pass over the whole picture.
_MAX_SCANS = 100


def read(data: bytes) -> Header:
    """Read markers up to the first scan; `payload` keeps those that decide on pixels."""
    kept = [data[:2]]
    frames: list[tuple[int, bytes]] = []
    exif = b""
    start = 2
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker in _OTHER_FRAMES:
            raise Refusal("format.compression")
        if marker in _FRAMES:
            frames.append((marker, body))
        elif marker == _EXIF and body.startswith(b"Exif\0\0"):
            exif = exif or body
        if marker in _FRAMES | _TABLES or (marker in _APP and body.startswith(_APP[marker])):
            kept.append(data[start:end])
    if len(frames) != 1:
        raise Refusal("decode.header")
    kept.append(data[start:])
    marker, body = frames[0]
    precision, height, width = struct.unpack_from(">BHH", body)
    if precision != 8:
        raise Refusal("format.samples")
    if data.count(b"\xff\xda", start) > _MAX_SCANS:
        raise Refusal("limit.scans")
    # Without this, some hundred bytes that claim 8000x8000 make libjpeg paint 64 million pixels of grey. A block
    # of a sequential scan takes 2 bits at the very least: one code each for DC and for the end of the block.
    if marker != 0xC2 and (len(data) - start) * 4 < ((width + 7) // 8) * ((height + 7) // 8):
        raise Refusal("decode.truncated")
    payload = data if sum(map(len, kept)) == len(data) else b"".join(kept)
    return Header("JPEG", width, height, payload, orientation=orientation(exif))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment, the first scan last; bytes between segments are skipped."""
    position = 2
    for count in itertools.count():
        check_pieces(count)
        position = data.find(b"\xff", position)
        code = _NOT_FILL.search(data, position) if position >= 0 else None
        if code is None:
            raise Refusal("decode.truncated")
        position = code.start() - 1
        marker = data[position + 1]
        if marker in _LONE:
            position += 2
            continue
        if marker == _END:
            raise Refusal("decode.header")
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2:
            raise Refusal("decode.header")
        end = position + 2 + length
        if end > len(data):
            raise Refusal("decode.truncated")
        yield marker, position, end
        if marker == _SCAN:
            return
        position = end
