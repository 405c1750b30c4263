"""Redaction of one window, in place. Pure: no knowledge of faces, frames or files.

A window is a view into a picture or a video plane, (h, w) or (h, w, C) uint8, best with its pixels contiguous within
a row. A mask is (h, w) uint8, 255 where to redact, 0 elsewhere; None redacts the whole window. A kernel reads only the
window.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Window: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.uint8]

# A mean over fewer pixels than this a side is hardly different from the pixels.
SMALLEST = 4
GREY = 128


def solid(window: Window, mask: Mask | None = None, *, value: int = GREY) -> None:
    """Paint a constant. What was there cannot be recovered.

    Args:
        window: changed in place.
        mask: where.
        value: 0 to 255, the same for each channel.
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
    height, width = window.shape[:2]
    if min(height, width) < SMALLEST:
        solid(window, mask)
        return
    means = _block_means(window, block)
    wide = np.repeat(means, block, axis=1)[:, :width]
    if mask is not None:
        _put(np.repeat(wide, block, axis=0)[:height], window, mask)
        return
    # Straight into the window: a temporary of its size costs more in page faults (0.2 ms at 320x320) than the means.
    for row, top in enumerate(range(0, height, block)):
        window[top : top + block] = wide[row]


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
    small = _block_means(window, block)
    size = (width // block | 1, width // block | 1)
    for _ in range(3):
        small = _like(cv2.blur(small, size, borderType=cv2.BORDER_REFLECT), window)
    full = (small.shape[1] * block, small.shape[0] * block)
    large = _like(cv2.resize(small, full, interpolation=cv2.INTER_LINEAR), window)
    _put(large[: window.shape[0], : window.shape[1]], window, mask)


def _block_means(window: Window, block: int) -> Window:
    """Means on a grid that begins top left, (ceil(h / block), ceil(w / block)[, C]) uint8.

    The rests right and below are averaged apart: one resize over all would take a factor that is not whole, which
    is slower, and shift the grid.
    """
    height, width = window.shape[:2]
    means = np.empty((-(-height // block), -(-width // block), *window.shape[2:]), np.uint8)
    down, across = height // block, width // block
    for rows, to_rows in ((slice(0, down * block), slice(0, down)), (slice(down * block, height), slice(down, None))):
        for columns, to_columns in (
            (slice(0, across * block), slice(0, across)),
            (slice(across * block, width), slice(across, None)),
        ):
            target = means[to_rows, to_columns]
            if target.size:
                part = cv2.resize(window[rows, columns], target.shape[1::-1], interpolation=cv2.INTER_AREA)
                target[...] = _like(part, target)
    return means


def _like(array: cv2.typing.MatLike, window: Window) -> Window:
    """What OpenCV returned, with the channel axis that it drops from (h, w, 1)."""
    return np.asarray(array, np.uint8).reshape(*array.shape[:2], *window.shape[2:])


def _put(result: Window, window: Window, mask: Mask | None) -> None:
    if mask is None:
        window[...] = result
        return
    if window[0].flags.c_contiguous:
        cv2.copyTo(result, mask, window)  # 320x320: 0.02 ms, where numpy's boolean index takes 2.5
    else:  # OpenCV cannot write there
        where = mask != 0
        np.copyto(window, result, where=where if window.ndim == 2 else where[:, :, None])
