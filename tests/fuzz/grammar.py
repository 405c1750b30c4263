"""Damage to pictures that knows how they are built: pieces are dropped, repeated, moved, swapped, and lie about their size.

`split` and `join` are inverse for sound files, which a test checks: a grammar that does not fit what it reads would only
make noise.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.fuzz.mutate import damaged

_LONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
_BMP_FIELDS = (2, 4, 2, 2, 4, 4, 4, 4, 2, 2, 4, 4, 4, 4, 4, 4)


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment, chunk, block, directory entry or field.

    Attributes:
        kind: marker, type or tag, as it is written.
        body: what is in it.
        claimed: the length to write instead of the true one.
        sealed: whether the check sum is to be right, where there is one.
    """

    kind: bytes
    body: bytes
    claimed: int | None = None
    sealed: bool = True

    @property
    def length(self) -> int:
        return len(self.body) if self.claimed is None else self.claimed


Pieces = list[Piece]


def _split_jpeg(data: bytes) -> Pieces:
    pieces, at = [Piece(data[:2], b"")], 2
    while at + 1 < len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in _LONE | {0xFF}:
            end = data.find(b"\xff", at + 2)
            while end >= 0 and end + 1 < len(data) and data[end + 1] in {0, *range(0xD0, 0xD8)}:
                end = data.find(b"\xff", end + 2)
            end = len(data) if end < 0 else end
            pieces.append(Piece(b"", data[at:end]))
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            pieces.append(Piece(data[at : at + 2], data[at + 4 : end]))
        at = end
    return [*pieces, Piece(b"", data[at:])]


def _join_jpeg(pieces: Pieces) -> bytes:
    def written(piece: Piece) -> bytes:
        if len(piece.kind) != 2 or piece.kind == b"\xff\xd8":
            return piece.kind + piece.body
        return piece.kind + struct.pack(">H", piece.length + 2 & 0xFFFF) + piece.body

    return b"".join(map(written, pieces))


def _split_png(data: bytes) -> Pieces:
    pieces, at = [Piece(data[:8], b"")], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        sealed = zlib.crc32(kind + body).to_bytes(4, "big") == data[at + 8 + length : at + 12 + length]
        pieces.append(Piece(kind, body, sealed=sealed))
        at += 12 + length
    return pieces


def _join_png(pieces: Pieces) -> bytes:
    def written(piece: Piece) -> bytes:
        if len(piece.kind) != 4:
            return piece.kind + piece.body
        total = zlib.crc32(piece.kind + piece.body) if piece.sealed else 0x78787878
        return struct.pack(">I", piece.length & 0xFFFFFFFF) + piece.kind + piece.body + struct.pack(">I", total)

    return b"".join(map(written, pieces))


def _split_webp(data: bytes) -> Pieces:
    pieces, at = [Piece(b"RIFF", b"WEBP")], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        pieces.append(Piece(data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + (length & 1)
    return pieces


def _join_webp(pieces: Pieces) -> bytes:
    chunks = b"".join(
        each.kind + struct.pack("<I", each.length & 0xFFFFFFFF) + each.body + bytes(len(each.body) & 1)
        for each in pieces[1:]
    )
    size = 4 + len(chunks) if pieces[0].claimed is None else pieces[0].claimed
    return pieces[0].kind + struct.pack("<I", size & 0xFFFFFFFF) + pieces[0].body + chunks


def _split_gif(data: bytes) -> Pieces:
    table = 3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    pieces, at = [Piece(data[:6], data[6:13]), Piece(b"", data[13 : 13 + table])], 13 + table
    while at < len(data) and data[at] in b"!,":
        head = 2 if data[at] == 0x21 else 10
        start = at + head
        if head == 10:
            start += 1 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0)
        end = start
        while end < len(data) and data[end]:
            end += 1 + data[end]
        pieces += [Piece(data[at : at + 1], data[at + 1 : at + head]), Piece(b"", data[at + head : end + 1])]
        at = end + 1
    return [*pieces, Piece(b"", data[at:])]


def _join_plain(pieces: Pieces) -> bytes:
    return b"".join(each.kind + each.body for each in pieces)


def _split_tiff(data: bytes) -> Pieces:
    order = "<" if data.startswith(b"II") else ">"
    (offset,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, offset)
    at = offset + 2
    entries = [Piece(data[at + 12 * i : at + 12 * i + 2], data[at + 12 * i + 2 : at + 12 * i + 12]) for i in range(count)]
    return [Piece(data[:4], data[8:]), *entries, Piece(b"", data[at + 12 * count : at + 12 * count + 4])]


def _join_tiff(pieces: Pieces) -> bytes:
    order = "<" if pieces[0].kind.startswith(b"II") else ">"
    body = pieces[0].body + bytes(len(pieces[0].body) & 1)
    entries = [each for each in pieces[1:] if each.kind]
    claimed = pieces[0].claimed
    count = struct.pack(order + "H", (len(entries) if claimed is None else claimed) & 0xFFFF)
    rest = b"".join(each.body for each in pieces[1:] if not each.kind)
    directory = count + b"".join(each.kind + each.body for each in entries) + rest
    return pieces[0].kind + struct.pack(order + "I", 8 + len(body)) + body + directory


def _split_bmp(data: bytes) -> Pieces:
    pieces, at = [], 0
    for size in _BMP_FIELDS:
        pieces.append(Piece(b"", data[at : at + size]))
        at += size
    return [*pieces, Piece(b"", data[at:])]


_GRAMMARS: dict[bytes, tuple[Callable[[bytes], Pieces], Callable[[Pieces], bytes]]] = {
    b"\xff\xd8": (_split_jpeg, _join_jpeg),
    b"\x89PNG": (_split_png, _join_png),
    b"RIFF": (_split_webp, _join_webp),
    b"GIF8": (_split_gif, _join_plain),
    b"II*\0": (_split_tiff, _join_tiff),
    b"MM\0*": (_split_tiff, _join_tiff),
    b"BM": (_split_bmp, _join_plain),
}


def grammar(data: bytes) -> tuple[Callable[[bytes], Pieces], Callable[[Pieces], bytes]] | None:
    """How to take a file of this type apart and put it together again, or None."""
    return next((pair for magic, pair in _GRAMMARS.items() if data.startswith(magic)), None)


def rebuilt(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """`data` with one to four of its pieces changed; `damaged` bytes where no grammar fits any more."""
    pair = grammar(data)
    try:
        pieces = pair[0](data) if pair else []
        spare = pair[0](other) if pair and grammar(other) is pair else pieces
    except (struct.error, IndexError):
        pieces = []
    if pair is None or not pieces:
        return damaged(data, rng, other)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _change(pieces, spare, rng)
    return pair[1](pieces)


def _change(pieces: Pieces, spare: Pieces, rng: random.Random) -> None:
    at = rng.randrange(len(pieces))
    piece = pieces[at]
    match rng.randrange(10):
        case 0 | 1:
            pieces[at] = replace(piece, body=damaged(piece.body, rng, spare[rng.randrange(len(spare))].body))
        case 2 | 3:
            pieces[at] = replace(piece, body=_with_number(piece.body, rng))
        case 4:
            near = len(piece.body) + rng.choice((-9, -2, -1, 1, 2, 9))
            pieces[at] = replace(piece, claimed=max(0, rng.choice((near, 0, 1, 0xFFFF, 2**31, 2**32 - 1))))
        case 5:
            if len(pieces) > 1:
                del pieces[at]
        case 6:
            pieces[at:at] = [piece] * rng.choice((1, 1, 2, 30))
        case 7:
            to = rng.randrange(len(pieces))
            pieces[at], pieces[to] = pieces[to], pieces[at]
        case 8:
            pieces.insert(at, spare[rng.randrange(len(spare))])
        case _:
            pieces[at] = replace(piece, sealed=rng.random() < 0.5, kind=spare[rng.randrange(len(spare))].kind)


def _with_number(body: bytes, rng: random.Random) -> bytes:
    """A whole field of the body set to a number that means trouble, in either byte order."""
    size = rng.choice((1, 2, 4))
    if len(body) < size:
        return body
    at = rng.randrange((min(len(body), 64) - size) // size + 1) * size
    edge = 1 << 8 * size
    number = rng.choice((0, 1, 2, 7, 8, 9, edge // 2 - 1, edge // 2, edge - 1, edge - 8, rng.randrange(edge))) % edge
    order = rng.choice(("big", "little"))
    return body[:at] + number.to_bytes(size, order) + body[at + size :]  # type: ignore[arg-type]
