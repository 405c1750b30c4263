"""The crop that face-embedding networks are trained on: a similarity that brings a face's points to ArcFace's template.

Coordinates are those of the pixels' centres, as OpenCV's warps have them. Child side only.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.vision.roi import Floats

# Where ArcFace (Deng et al., 2019) has right eye, left eye, nose and the corners of the mouth in its 112 x 112 pixels.
ARCFACE: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
TEMPLATE_SIDE: Final = 112
# Networks that take 128 have the template 8 pixels further to the right, 112 pixels of height for 128.
WIDE_SIDE: Final = 128
WIDE_SHIFT: Final = 8.0


def template(size: int) -> Floats:
    """The five points in a crop of that size, (5, 2) float32, pixels.

    Args:
        size: a multiple of 112 or, if not that, of 128.
    """
    if size % TEMPLATE_SIDE == 0:
        return ARCFACE * np.float32(size / TEMPLATE_SIDE)
    points = ARCFACE + np.array([WIDE_SHIFT, 0], np.float32)
    return points * np.float32(size / WIDE_SIDE)


def similarity(points: Floats, target: Floats) -> Floats:
    """The turn, scale and shift that brings points nearest to others, in the least squares sense.

    In the plane that is one complex number and a shift, so no decomposition is needed, and no mirror can come out.

    Args:
        points: (P, 2) float32, P of 2 or more.
        target: (P, 2) float32.

    Returns:
        (2, 3) float32: ``point @ map[:, :2].T + map[:, 2]``. Points that all lie in one place give a scale of 0.
    """
    start, end = points.astype(np.float64), target.astype(np.float64)
    centre, goal = start.mean(axis=0), end.mean(axis=0)
    start, end = start - centre, end - goal
    spread = max(float((start**2).sum()), np.finfo(np.float64).tiny)
    cos = float((start * end).sum()) / spread
    sin = float((start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum()) / spread
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([linear, (goal - linear @ centre)[:, None]], axis=1).astype(np.float32)


def crop(rgb: NDArray[np.uint8], to_crop: Floats, size: int) -> NDArray[np.uint8]:
    """The crop, bilinear; what is beyond the frame is black.

    Args:
        rgb: (H, W, 3) uint8, RGB.
        to_crop: (2, 3) float32, frame to crop, from `similarity`.
        size: edge of the crop, pixels.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    warped = cv2.warpAffine(rgb, to_crop, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, np.uint8)
