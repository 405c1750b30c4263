"""Which parts of an array are looked for: pieces all over it that tell it from anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue.scratch import Scratch
from facegate.errors import ShapeError

# Long enough for a window of 32 bytes in the shortest form of it, a plane of uint8, with some to choose from.
PIXELS: Final = 48
ROWS: Final = 20
VALUES: Final = 60
# Coordinates or channels of one place, at most; a longer row is one of values.
_POINT: Final = 8
# A piece with fewer different numbers is a flat patch, a ramp or a mask, which memory is full of.
_DIFFERENT: Final = 8
_TRIES: Final = 4
_TYPES: Final = (np.uint8, np.float16, np.float32, np.float64)


def pieces(name: str, array: NDArray[Any], count: int, desk: Scratch) -> Iterator[NDArray[Any] | None]:
    """Copies of `count` pieces, evenly spread; None for a place where there is nothing to tell it by.

    A place without gives up its turn to one of three near it.

    Args:
        name: of the array, for errors.
        array: (H, W, 3) uint8 pixels, (H, W) grey ones, (N, k) points, (N,) values or bytes.
        count: how many.
        desk: where the copies are; each is gone when the next is asked for.

    Yields:
        (n, k) arrays of the array's dtype.

    Raises:
        ShapeError: it has another shape or dtype.
    """
    if array.dtype.type not in _TYPES or not array.dtype.isnative or array.ndim not in {1, 2, 3}:
        raise ShapeError(
            f"{name} must be uint8, float16, float32 or float64 with 1 to 3 dimensions, "
            f"not {array.dtype} with {array.ndim}."
        )
    if not array.size:
        raise ShapeError(f"{name} is empty.")
    for turn in range(count):
        mark = desk.mark()
        for again in range(_TRIES):
            view = _at(array, (turn + again / _TRIES) / count)
            piece = desk.array(view.shape, view.dtype)
            np.copyto(piece, view)
            if _tells(piece, desk):
                yield piece
                break
        else:
            yield None
        desk.back_to(mark)


def _at(array: NDArray[Any], part: float) -> NDArray[Any]:
    """The piece that begins that far into the array, 0 to 1."""
    if array.ndim == 2 and (array.dtype == np.uint8 or array.shape[1] > _POINT):
        array = array[:, :, None]
    if array.ndim == 3:
        height, width, _ = array.shape
        row = min(int(part * height), height - 1)
        # Along a row, another place each time: the golden ratio spreads them.
        column = int(part * height * 0.618034 % 1 * max(width - PIXELS, 0))
        return array[row, column : column + PIXELS, :_POINT]
    flat = array if array.ndim == 2 else array[:, None]
    length = min(ROWS if array.ndim == 2 else VALUES, len(flat))
    begin = int(part * (len(flat) - length + 1))
    return flat[begin : begin + length]


def _tells(piece: NDArray[Any], desk: Scratch) -> bool:
    """Whether its numbers are many, finite and no ramp."""
    if piece.dtype != np.uint8 and not np.isfinite(piece).all():
        return False
    numbers = piece.reshape(1, -1)
    return distinct(numbers, desk)[0] >= min(_DIFFERENT, piece.size) and not ramp(numbers[0], desk)


def distinct(rows: NDArray[Any], desk: Scratch) -> NDArray[np.intp]:
    """How many different values each row of (n, k) has."""
    mark = desk.mark()
    ordered = desk.array(rows.shape, rows.dtype)
    np.copyto(ordered, rows)
    ordered.sort(axis=1)
    count: NDArray[np.intp] = 1 + np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], axis=1)
    desk.back_to(mark)
    return count


def ramp(numbers: NDArray[Any], desk: Scratch) -> bool:
    """Whether all steps are equal: what ``arange`` and ``linspace`` leave in every program that computes."""
    mark = desk.mark()
    values, steps = desk.array(numbers.size, np.float64), desk.array(numbers.size - 1, np.float64)
    np.copyto(values, numbers)
    np.subtract(values[1:], values[:-1], out=steps)
    equal = bool((steps == steps[:1]).all())
    desk.back_to(mark)
    return equal
