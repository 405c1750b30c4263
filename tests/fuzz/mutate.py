"""Damage to bytes that knows nothing of what they mean."""

from __future__ import annotations

import random

# What parsers trip over: ends of ranges, signs, lengths of nothing.
INTERESTING = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x01\0\0\0")


def damaged(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A copy of `data` with one to sixteen places changed, pieces of `other` among them."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not changed:
            break
        # Headers are a small part of a file and decide most.
        at = rng.randrange(min(len(changed), rng.choice((64, 256, len(changed)))))
        match rng.randrange(7):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                value = rng.choice(INTERESTING)
                changed[at : at + len(value)] = value
            case 3:
                del changed[at : at + rng.choice((1, 2, 4, 64))]
            case 4:
                changed[at:at] = changed[at : at + rng.choice((1, 4, 64))]
            case 5:
                del changed[rng.randrange(len(changed)) + 1 :]
            case _:
                start = rng.randrange(max(1, len(other)))
                changed[at : at + 32] = other[start : start + 32]
    return bytes(changed)
