"""Which kind of file it is, told by its first bytes, and whether it is all there.

FFmpeg is never left to guess: it has 350 demuxers, some of which open other files (concat, hls, dash, image2) or parse
text. Only what this module names is opened, with the one demuxer that is named here.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from facegate.codes import Refusal
from facegate.video.info import Container
from facegate.video.readable import size_of

# FFmpeg's short names. Their long ones ("mov,mp4,m4a,3gp,3g2,mj2") work as well and say less.
DEMUXERS: dict[Container, str] = {
    "mp4": "mov",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "matroska",
    "avi": "avi",
    "ts": "mpegts",
    "gif": "gif",
}
# Top-level boxes that an ISO file may begin with (ISO/IEC 14496-12; QuickTime's wide, skip, pnot).
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
# Brands of files that hold still pictures: their "tracks" are no video.
_STILL = {b"mif1", b"heic", b"heix", b"avif"}
_EBML, _SEGMENT, _DOCTYPE = 0x1A45DFA3, 0x18538067, 0x4282
_PACKET = 188  # bytes, MPEG-TS


class Probe(NamedTuple):
    """What the first bytes say.

    Attributes:
        container: kind of file.
        size: bytes.
        truncated: whether the file's own lengths say that its end is missing.
        loop: how often a GIF or WebP plays, 0 for ever; None for other files.
    """

    container: Container
    size: int
    truncated: bool
    loop: int | None


def probe(file: BinaryIO) -> Probe:
    """Look at a file's structure, decode nothing; the file is left at its beginning.

    Args:
        file: read and seek are used.

    Raises:
        Refusal: format.empty or video.unsupported.
    """
    size = size_of(file)
    if size == 0:
        raise Refusal("format.empty")
    head = file.read(4096)
    try:
        container, end = _told(file, head, size)
    except (struct.error, IndexError):
        raise Refusal("video.unsupported") from None
    file.seek(0)
    return Probe(container, size, end > size, _loop(container, head))


def _told(file: BinaryIO, head: bytes, size: int) -> tuple[Container, int]:
    """The kind, and where the file should end."""
    if head[4:8] in _BOXES:
        return _iso(file, head, size)
    if head[:4] == _EBML.to_bytes(4, "big"):
        return _matroska(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp", 8 + int(struct.unpack("<I", head[4:8])[0])
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi", _riff(head)
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        file.seek(max(0, size - 64))
        # The trailer may be followed by filling.
        return "gif", size if b";" in file.read(64) else size + 1
    if any(_synchronous(head[at:]) for at in range(_PACKET)):
        return "ts", size
    raise Refusal("video.unsupported")


def _synchronous(data: bytes) -> bool:
    """Whether packets of MPEG-TS begin here; a recording may begin in the middle of one."""
    return len(data) >= 5 * _PACKET and data[: 5 * _PACKET : _PACKET] == b"G" * 5


def _iso(file: BinaryIO, head: bytes, size: int) -> tuple[Container, int]:
    brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
    if brand in _STILL:
        raise Refusal("video.unsupported")
    at = 0
    # A file of minutes has a handful of these; a fragmented one two for each fragment.
    for _ in range(100_000):
        file.seek(at)
        box = file.read(16)
        if len(box) < 8:
            break
        length = int.from_bytes(box[:4], "big")
        if length == 1 and len(box) == 16:
            length = int.from_bytes(box[8:], "big")
        if length == 0:  # up to the end
            at = size
        if length < 8:
            break
        at += length
    return ("mov" if brand == b"qt  " else "mp4"), at


def _matroska(head: bytes) -> tuple[Container, int]:
    at = 4
    length, at = _vint(head, at)
    end = at + length
    kind: Container = "mkv"
    while at < end:
        name, at = _element(head, at)
        length, at = _vint(head, at)
        if name == _DOCTYPE and head[at : at + length].rstrip(b"\0") == b"webm":
            kind = "webm"
        at += length
    name, at = _element(head, end)
    unknown = (head[at] == 1 and head[at + 1 : at + 8] == b"\xff" * 7) or head[at] == 0xFF
    length, at = _vint(head, at)
    return kind, 0 if name != _SEGMENT or unknown else at + length


def _element(data: bytes, at: int) -> tuple[int, int]:
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big"), at + width


def _vint(data: bytes, at: int) -> tuple[int, int]:
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return value, at + width


def _riff(head: bytes) -> int:
    length = int(struct.unpack("<I", head[4:8])[0])
    # A recorder that was cut off never wrote the length.
    return 8 + length if 0 < length < 0xFFFFFFFF else 0


def _loop(container: Container, head: bytes) -> int | None:
    if container == "gif":
        at = head.find(b"NETSCAPE2.0\x03\x01")
        # The block counts how often it plays again; without one it plays once.
        again = int.from_bytes(head[at + 13 : at + 15], "little") if at >= 0 else -1
        return 0 if again == 0 else 1 if again < 0 else again + 1
    if container == "webp":
        at = head.find(b"ANIM\x06\0\0\0")
        return int.from_bytes(head[at + 12 : at + 14], "little") if at >= 0 else 1
    return None
