"""Damage to pictures that knows how they are built: pieces dropped, repeated, moved, swapped, and lying about size."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

from fixtures.grammar import Pieces, grammar
from tests.fuzz.mutate import damaged


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
