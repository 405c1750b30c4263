"""The pictures of the golden runs, made bit for bit alike by every numpy on every machine.

Whole numbers only: what `cv2.warpAffine` rounds differs from one OpenCV to the next, and so does the last bit of
numpy's vectorized cosine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fixtures.portraits import HEADS, PORTRAITS, portrait

ANGLES = (15, -15, 30, -30, 60, -60)  # degrees, clockwise as seen
SHRINKS = (1, 2, 4)
_ONE = 1 << 16  # fixed point of coordinates
_WEIGHT_BITS = 8  # of the bilinear weights


def in_upright(name: str, points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Points of an upright or turned variant where they are in the portrait that it was made of.

    Args:
        name: e.g. ``"hopper/turned+30/2"``.
        points: (P, 2) float32, x, y, pixels of the variant.

    Returns:
        (P, 2) float64, x, y, pixels of the portrait.
    """
    who, pose, shrink = name.split("/")
    # The centre of a cell's first pixel is half a cell less half a pixel away from the cell's.
    grown = points.astype(np.float64) * int(shrink) + (int(shrink) - 1) / 2
    angle = math.radians(int(pose.removeprefix("turned"))) if pose != "upright" else 0.0
    back = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (grown - _centre(who)) @ back.T + _centre(who)


def _centre(who: str) -> tuple[int, int]:
    x0, y0, x1, y1 = HEADS[who].box
    return round((x0 + x1) / 2), round((y0 + y1) / 2)


def variants() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Name and picture, (H, W, 3) uint8 RGB C-contiguous, of every variant of both portraits."""
    for who in PORTRAITS:
        upright = portrait(who)
        left, top = HEADS[who].box[:2]
        poses = {"upright": upright, "mirrored": np.ascontiguousarray(upright[:, ::-1])}
        # Close to two borders: a part of what the mesh looks at is beyond them.
        poses["cut"] = np.ascontiguousarray(upright[round(top) :, round(left) :])
        poses |= {f"turned{angle:+d}": turned(upright, angle, _centre(who)) for angle in ANGLES}
        for pose, rgb in poses.items():
            for shrink in SHRINKS:
                yield f"{who}/{pose}/{shrink}", shrunk(rgb, shrink)


def digest(rgb: NDArray[np.uint8]) -> str:
    """SHA-256 of the pixels and the shape, lower-case hex."""
    return hashlib.sha256(repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()


def turned(rgb: NDArray[np.uint8], angle: float, centre: tuple[int, int]) -> NDArray[np.uint8]:
    """Turned clockwise by `angle` degrees about the pixel `centre` (x, y); bilinear, black where nothing was."""
    height, width = rgb.shape[:2]
    cos, sin = (round(f(math.radians(angle)) * _ONE) for f in (math.cos, math.sin))
    x, y = np.arange(width, dtype=np.int64) - centre[0], np.arange(height, dtype=np.int64)[:, None] - centre[1]
    from_x = cos * x + sin * y + centre[0] * _ONE
    from_y = -sin * x + cos * y + centre[1] * _ONE
    left, top = from_x >> 16, from_y >> 16
    right_weight, bottom_weight = ((part % _ONE) >> (16 - _WEIGHT_BITS) for part in (from_x, from_y))
    black = np.pad(rgb, ((1, 1), (1, 1), (0, 0))).astype(np.int64)
    total = np.zeros(rgb.shape, np.int64)
    one = 1 << _WEIGHT_BITS
    for down, vertical in enumerate((one - bottom_weight, bottom_weight)):
        for across, horizontal in enumerate((one - right_weight, right_weight)):
            row, column = np.clip(top + down + 1, 0, height + 1), np.clip(left + across + 1, 0, width + 1)
            total += black[row, column] * (vertical * horizontal)[..., None]
    return ((total + one * one // 2) >> (2 * _WEIGHT_BITS)).astype(np.uint8)


def shrunk(rgb: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Means of `factor` by `factor` pixels, rounded; what does not fill a cell at the right and bottom is cut off."""
    height, width = rgb.shape[0] // factor, rgb.shape[1] // factor
    cells = rgb[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    total = cells.astype(np.int64).sum(axis=(1, 3))
    return np.ascontiguousarray((2 * total + factor * factor) // (2 * factor * factor), np.uint8)
