"""Which parts of a picture the detector looks at, and how large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

# Sides of the networks that are kept allocated, pixels. One tile costs 70 ns a pixel whatever its side, and a batch of
# tiles costs the same as one after the other (measured), so there is no batch; 448 keeps LiteRT's memory below 40 MB.
SIDES = (896, 448, 224, 128)
# The network is sure of faces from 18 to 110 px of its input; 24 px of the picture become 20.
FINEST = 20 / 24
# Neighbouring tiles share this, input pixels, and so does what a face needs around it: a face of up to 64 px whose
# centre is in a tile's core is whole in that tile. Larger ones belong to the next level, which is half as fine.
OVERLAP = 64
# Below this longer side a level says nothing that the whole picture at 128 px, which always comes last, does not.
COARSEST = 192


@dataclass(frozen=True, slots=True)
class Tile:
    """One look.

    Attributes:
        left: x of its corner, pixels of the level.
        top: y of its corner.
        core: xyxy of the part that is its own; cores cover the level without overlap.
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
    y_cuts, x_cuts = _cuts(ys, side), _cuts(xs, side)
    tiles = tuple(
        Tile(int(x), int(y), (float(x_cuts[i]), float(y_cuts[j]), float(x_cuts[i + 1]), float(y_cuts[j + 1])))
        for j, y in enumerate(ys)
        for i, x in enumerate(xs)
    )
    return Level(high, wide, side, tiles)


def _starts(length: int, side: int, count: int) -> NDArray[np.intp]:
    return np.linspace(0, max(0, length - side), count).round().astype(np.intp)


def _cuts(starts: NDArray[np.intp], side: int) -> NDArray[np.float64]:
    """Borders of the cores: half-way through each overlap. A face may be centred outside the picture: no outer cut."""
    inner = (starts[:-1] + side + starts[1:]) / 2
    return np.concatenate([[-np.inf], inner, [np.inf]])
