"""An array as an uncompressed picture file, so that the child can take it in like any upload."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.errors import ShapeError

_HEADER: Final = 54


def bitmap(bgr: Any) -> NDArray[np.uint8]:
    """The array as a BMP of 24 bits, whose channels are in this very order.

    Args:
        bgr: (H, W, 3) uint8, BGR; it may be a view.

    Returns:
        (N,) uint8, the file; the caller's, to be zeroed.

    Raises:
        ShapeError: it is no such array.
    """
    if not isinstance(bgr, np.ndarray):
        raise ShapeError(f"img must be an (H, W, 3) uint8 array in BGR, not {type(bgr).__name__}.")
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8 or not bgr.size:
        raise ShapeError(f"img must be (H, W, 3) uint8 in BGR, got {bgr.shape} {bgr.dtype}.")
    height, width = bgr.shape[:2]
    line = -(-width * 3 // 4) * 4
    made = np.zeros(_HEADER + line * height, np.uint8)
    # A negative height would have the first row on top; not every reader takes that.
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", len(made), 0, 0, _HEADER, 40, width, height, 1, 24, 0, line * height, 0, 0, 0, 0
    )
    made[:_HEADER] = np.frombuffer(header, np.uint8)
    rows = made[_HEADER:].reshape(height, line)
    rows[:, : width * 3].reshape(height, width, 3)[...] = bgr[::-1]
    return made
