"""Which parts of a picture the detector looks at, and how large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

# Sides of the networks that are kept allocated, pixels. One tile costs 65 ns a pixel, 78 at 896x896, and a batch of
# tiles costs the same as one after the other (measured), so there is no batch; LiteRT holds 33 MB for 448, 136 for 896;
# small tiles have much border, near which the network sees less (128 px tiles lost 1 in 10 dark faces of 24 px).
SIDES = (416, 208)
# The network is sure of faces from 18 to 110 px of its input; 24 px of the picture become 19.
FINEST = 0.8
# Neighbouring tiles share this, input pixels: a face of up to 44 px whose centre is in a tile's core is whole in that
# tile. Larger ones belong to the next level, which is half as fine.
OVERLAP = 56
# Cores reach this far, pixels, into each other: two tiles do not see the centre of a face in quite the same place, and
# if each saw it in the other's core, the face would be lost.
SLACK = 6
# Below this longer side a level says nothing that the whole picture at 128 px, which always comes last, does not.
COARSEST = 192


@dataclass(frozen=True, slots=True)
class Tile:
    """One look.

    Attributes:
        left: x of its corner, pixels of the level.
        top: y of its corner.
        core: xyxy of where it is believed when it sees the centre of a face; together cores cover everything.
    """

    left: int
    top: int
    core: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Level:
    """The picture at one scale.

    Attributes:
        height: pixels of the scaled picture.
        width: pixels.
        side: of its tiles, one of `SIDES`.
        tiles: row by row.
    """

    height: int
    width: int
    side: int
    tiles: tuple[Tile, ...]


def levels(height: int, width: int) -> Iterator[Level]:
    """The scales for a picture of that many pixels, finest first; the last look, at the whole, is not among them."""
    scale = FINEST
    while scale * max(height, width) > COARSEST:
        yield _level(height, width, scale)
        scale /= 2


def _level(height: int, width: int, scale: float) -> Level:
    def rows_and_columns(side: int) -> tuple[int, int]:
        step = side - OVERLAP
        return (
            max(1, ceil((height * scale - OVERLAP) / step)),
            max(1, ceil((width * scale - OVERLAP) / step)),
        )

    def cost(side: int) -> int:
        rows, columns = rows_and_columns(side)
        return rows * columns * side * side

    side = min(SIDES, key=cost)
    rows, columns = rows_and_columns(side)
    # Tiles that would stick out cost the same when filled: scale up until they are.
    room = [count * (side - OVERLAP) + OVERLAP for count in (rows, columns)]
    scale = max(scale, min(room[0] / height, room[1] / width, 1.25 * scale, 1.0))
    high, wide = max(1, round(height * scale)), max(1, round(width * scale))
    ys, xs = _starts(high, side, rows), _starts(wide, side, columns)
    rows_of_cores, columns_of_cores = _cores(ys, side), _cores(xs, side)
    tiles = tuple(
        Tile(int(x), int(y), (x0, y0, x1, y1))
        for y, (y0, y1) in zip(ys, rows_of_cores, strict=True)
        for x, (x0, x1) in zip(xs, columns_of_cores, strict=True)
    )
    return Level(high, wide, side, tiles)


def _starts(length: int, side: int, count: int) -> NDArray[np.intp]:
    return np.linspace(0, max(0, length - side), count).round().astype(np.intp)


def _cores(starts: NDArray[np.intp], side: int) -> list[tuple[float, float]]:
    """From half-way through one overlap to half-way through the next; a face may be centred outside the picture."""
    middles = ((starts[:-1] + side + starts[1:]) / 2).tolist()
    return list(zip([-inf, *(m - SLACK for m in middles)], [*(m + SLACK for m in middles), inf], strict=True))
