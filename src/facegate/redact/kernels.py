"""Redaction of one window, in place. Pure: no knowledge of faces, frames or files.

A window is a view into a picture or a video plane, (h, w) or (h, w, C) uint8 or uint16, best with its pixels contiguous
within a row. A mask is (h, w) uint8, 255 where to redact, 0 elsewhere; None redacts the whole window. A kernel reads
only the window.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Window: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]  # rows, columns

# A mean over fewer pixels than this a side is hardly different from the pixels.
SMALLEST = 4
GREY = 128
# Of a block's rows, as many are enough for its mean.
ROWS = 4
# Every how many rows, by a block's height: a divisor of it, so that the rows' grid is the blocks'.
_STEPS = [1] * 4096
for _step in range(1, len(_STEPS) // ROWS):  # the largest comes last; trying every one of every height took 80 ms
    _STEPS[_step * ROWS :: _step] = [_step] * len(range(_step * ROWS, len(_STEPS), _step))


def solid(window: Window, mask: Mask | None = None, *, value: int = GREY) -> None:
    """Paint a constant. What was there cannot be recovered.

    Args:
        window: changed in place.
        mask: where.
        value: a sample, the same for each channel.
    """
    if mask is None:
        window[...] = value
    else:
        _put(np.full_like(window, value, order="C"), window, mask)


def pixelate(window: Window, mask: Mask | None = None, *, block: int) -> None:
    """Replace blocks by their means. The grid begins at the window's top left; rests make smaller blocks.

    Does not protect against: a model that was trained to recognize mosaics; video, where a moving grid tells more
    with each frame.

    Args:
        window: changed in place; painted with `GREY` if a side is under `SMALLEST` pixels.
        mask: where; means are taken over whole blocks.
        block: edge of a block, pixels, at least 2.
    """
    if min(window.shape[:2]) < SMALLEST:
        solid(window, mask)
    else:
        spread(block_means(window, (block, block)), window, mask, block=(block, block))


def blur(window: Window, mask: Mask | None = None, *, width: int) -> None:
    """Blur by three box filters, which comes close to a Gaussian with sigma = width / 2.

    Not `cv2.GaussianBlur`: with a sigma of a face's size it takes 121 ms for 320x320. The filters run on means of
    blocks an eighth of their width wide: what is lost there they would remove anyway.

    Does not protect against: deconvolution, in part; a model that was trained to recognize blurred faces.

    Args:
        window: changed in place; painted with `GREY` if a side is under `SMALLEST` pixels.
        mask: where.
        width: edge of the box filter, pixels, at least 3.
    """
    if min(window.shape[:2]) < SMALLEST:
        solid(window, mask)
        return
    block = max(1, width // 8)
    small = _smooth(block_means(window, (block, block)), (width // block, width // block))
    full = (small.shape[1] * block, small.shape[0] * block)
    large = _like(cv2.resize(small, full, interpolation=cv2.INTER_LINEAR), window)
    _put(large[: window.shape[0], : window.shape[1]], window, mask)


def block_means(window: Window, block: Size, *, quick: bool = False) -> Window:
    """Means on a grid that begins top left, (ceil(h / rows), ceil(w / columns)[, C]), of the window's type.

    The rests right and below are averaged apart: one resize over all would take a factor that is not whole, and
    shift the grid.

    Args:
        window: read.
        block: rows and columns of a block.
        quick: fill the rests up with the mirrored window, and of high blocks look at `ROWS` rows or more, not at all.
            Two calls instead of four, and most of the frame's memory is not fetched; a mean of 160 pixels is as good as
            one of 1,600. And a rest one pixel wide does not stay what it was.
    """
    height, width = window.shape[:2]
    low, right = height % block[0], width % block[1]
    down, across = height // block[0], width // block[1]
    if quick:
        step = _STEPS[min(block[0], len(_STEPS) - 1)]
        rows, thinned = block[0] // step, window if step == 1 else window[::step]
        if low or right:
            down, across = down + (low > 0), across + (right > 0)
            below, beside = down * rows - len(thinned), across * block[1] - width
            thinned = cv2.copyMakeBorder(thinned, 0, below, 0, beside, cv2.BORDER_REFLECT)
        return _like(cv2.resize(thinned, (across, down), interpolation=cv2.INTER_AREA), window)
    means = np.empty((down + (low > 0), across + (right > 0), *window.shape[2:]), window.dtype)
    for top, bottom, to_rows in ((0, height - low, slice(0, down)), (height - low, height, slice(down, None))):
        for left, end, to_columns in (
            (0, width - right, slice(0, across)),
            (width - right, width, slice(across, None)),
        ):
            target = means[to_rows, to_columns]
            if target.size:
                part = cv2.resize(window[top:bottom, left:end], target.shape[1::-1], interpolation=cv2.INTER_AREA)
                target[...] = _like(part, target)
    return means


def spread(means: Window, window: Window, mask: Mask | None, *, block: Size) -> None:
    """Paint each mean over its block.

    Args:
        means: of `block_means`; (n, m) or (n, m, C) as the window.
        window: changed in place; may end within a block.
        mask: where.
        block: rows and columns of a block, in the window's pixels.
    """
    height, width = window.shape[:2]
    wide = means.repeat(block[1], axis=1)[:, :width]  # `np.repeat` takes twice as long to call
    if mask is not None:
        _put(wide.repeat(block[0], axis=0)[:height], window, mask)
        return
    # Straight into the window: a temporary of its size costs more in page faults (0.2 ms at 320x320) than the means.
    whole = height // block[0]
    bottom = whole * block[0]
    window[:bottom].reshape(whole, block[0], *window.shape[1:])[...] = wide[:whole, None]
    if bottom < height:
        window[bottom:] = wide[whole]


def soften(window: Window, mask: Mask | None = None, *, width: Size) -> None:
    """`blur` at a fraction of its cost, for planes: on means of larger blocks, found the quick way.

    Args:
        window: changed in place; no side under `SMALLEST`.
        mask: where.
        width: rows and columns of the box filter, pixels, at least 3.
    """
    # A quarter of the filter, of which the quick way likes multiples of `ROWS`.
    down, across = (part - part % ROWS if part > ROWS else max(1, part) for part in (width[0] // 4, width[1] // 4))
    small = block_means(window, (down, across), quick=True)
    rows, columns = _thrice(small.shape[0], width[0] // down | 1), _thrice(small.shape[1], width[1] // across | 1)
    if small.ndim == 2:  # the same as `_smooth`, in half of its time
        small = (rows @ small.astype(np.float32) @ columns.T + np.float32(0.5)).astype(window.dtype)
    else:
        small = _smooth(small, (width[0] // down, width[1] // across))
    # To the window's size, though the last block may stick out of it: nobody sees half a block's shift in a blur.
    size = window.shape[1::-1]
    if mask is None and window[0].flags.c_contiguous:
        cv2.resize(small, size, dst=window, interpolation=cv2.INTER_LINEAR)
    else:
        _put(_like(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), window), window, mask)


@lru_cache(maxsize=1024)
def _thrice(count: int, size: int) -> NDArray[np.float32]:
    """(count, count): what three box filters make of a column of `count`, mirrored at its ends."""
    matrix: cv2.typing.MatLike = np.eye(count, dtype=np.float32)
    for _ in range(3):
        matrix = cv2.blur(matrix, (1, size), borderType=cv2.BORDER_REFLECT)
    return np.asarray(matrix, np.float32)


def _smooth(small: Window, size: Size) -> Window:
    for _ in range(3):
        small = _like(cv2.blur(small, (size[1] | 1, size[0] | 1), borderType=cv2.BORDER_REFLECT), small)
    return small


def _like(array: cv2.typing.MatLike, window: Window) -> Window:
    """What OpenCV returned, with the channel axis that it drops from (h, w, 1)."""
    return cast(Window, array if array.ndim == window.ndim else array[:, :, None])


def _put(result: Window, window: Window, mask: Mask | None) -> None:
    if mask is None:
        window[...] = result
        return
    if window[0].flags.c_contiguous:
        cv2.copyTo(result, mask, window)  # 320x320: 0.02 ms, where numpy's boolean index takes 2.5
    else:  # OpenCV cannot write there
        where = mask != 0
        np.copyto(window, result, where=where if window.ndim == 2 else where[:, :, None])
