"""Masks of a face's parts, drawn from the mesh's outlines; only the part of the picture where they are is touched.

The outlines are mediapipe's (solutions/face_mesh_connections.py, Apache-2.0), as closed lines of vertices. A mask is
what the mesh knows, not what the picture shows: a hand, a fringe or a beard over the face is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision.points import JAW, VERTICES
from facegate.vision.roi import Floats

Outline = tuple[int, ...]

# From the person's right temple over the forehead to the left one: with the jaw, FACEMESH_FACE_OVAL.
_FOREHEAD: Outline = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)
OVAL: Outline = (*JAW[::-1], *_FOREHEAD[1:-1])
RIGHT_EYE: Outline = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE: Outline = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_BROW: Outline = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW: Outline = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS: Outline = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
MOUTH: Outline = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
# The oval below the lower edges of the brows, where neither brows nor a fringe reach.
BELOW_BROWS: Outline = (*JAW[::-1], 46, 53, 52, 65, 55, 285, 295, 282, 283, 276)

# What is filled, and what is then taken out of it.
KINDS: dict[str, tuple[tuple[Outline, ...], tuple[Outline, ...]]] = {
    "oval": ((OVAL,), ()),
    "skin": ((OVAL,), (RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, LIPS)),
    "eyes": ((RIGHT_EYE, LEFT_EYE), ()),
    "lips": ((LIPS,), (MOUTH,)),
    "hairless": ((BELOW_BROWS,), ()),
}
# Bits after the point of OpenCV's coordinates.
_SHIFT = 4
# Parts are drawn this many times as fine, up to so many fine pixels on a side, and averaged: OpenCV's own smooth edges
# reach a pixel too far. Of what is larger a pixel is nothing, and of what is made soft over this many pixels, too.
_FINER, _FINEST_SIDE, _SOFT = 4, 1536, 16


@dataclass(frozen=True, slots=True)
class Patch:
    """Part of a mask; beyond it the mask is 0.

    Attributes:
        top: row of the picture where it begins.
        left: column of the picture where it begins.
        values: (h, w) uint8, 255 inside; may be empty.
    """

    top: int
    left: int
    values: NDArray[np.uint8]

    def within(self, size_hw: tuple[int, int]) -> Patch:
        """The part that lies in a picture of that height and width."""
        top, left = max(self.top, 0), max(self.left, 0)
        rows, columns = slice(top - self.top, size_hw[0] - self.top), slice(left - self.left, size_hw[1] - self.left)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return Patch(0, 0, self.values[:0, :0])
        return Patch(top, left, self.values[rows, columns])

    def spread(self, into: Floats) -> None:
        """Write it into a mask of the picture's size that is 0: (H, W) float32, 0 to 1."""
        height, width = self.values.shape
        into[self.top : self.top + height, self.left : self.left + width] = self.values * np.float32(1 / 255)


def masks(landmarks: Floats, kind: str, size_hw: tuple[int, int], feather: float = 0.0) -> list[Patch]:
    """Draw one mask for each face.

    Args:
        landmarks: (N, 478, 3) float32, pixels.
        kind: one of `KINDS`.
        size_hw: height and width of the picture.
        feather: width of the soft edge, whose middle is the outline, as a share of the longer side of the box around
            the face's oval; 0 for an edge of one pixel.

    Returns:
        N patches.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (VERTICES, 3):
        raise ShapeError(f"landmarks must be (N, {VERTICES}, 3), got {landmarks.shape}.")
    filled, taken = KINDS[kind]
    flat = landmarks[:, :, :2]
    soft = soft_edges(landmarks, feather)
    seen = flat[:, [vertex for outline in filled for vertex in outline]]
    reach = soft[:, None]
    # As far beyond the picture as its pixels are softened from.
    low = np.maximum(np.floor(seen.min(axis=1)).astype(int) - reach - 1, -reach)
    high = np.minimum(np.ceil(seen.max(axis=1)).astype(int) + reach + 2, np.array(size_hw[::-1]) + reach)
    return [
        _drawn(points, filled, taken, box, int(edge)).within(size_hw)
        for points, box, edge in zip(flat, np.concatenate([low, high], axis=1), soft, strict=True)
    ]


def soft_edges(landmarks: Floats, feather: float) -> NDArray[np.intp]:
    """Widths (N,) of the soft edges in pixels."""
    oval = landmarks[:, OVAL, :2]
    return np.asarray(np.rint((oval.max(axis=1) - oval.min(axis=1)).max(axis=1) * feather), np.intp)


def _drawn(
    points: Floats, filled: Sequence[Outline], taken: Sequence[Outline], box: NDArray[np.intp], soft: int
) -> Patch:
    left, top, right, bottom = (int(edge) for edge in box)
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0:
        return Patch(0, 0, np.empty((0, 0), np.uint8))
    finer = 1 if soft >= _SOFT else max(1, min(_FINER, _FINEST_SIDE // max(height, width)))
    values = np.zeros((height * finer, width * finer), np.uint8)
    # The centre of a pixel is the middle of its fine ones.
    moved = (points - [left, top] + 0.5) * finer - 0.5
    fixed = np.rint(moved * (1 << _SHIFT)).astype(np.int32)
    for outlines, value in ((filled, 255), (taken, 0)):
        for outline in outlines:
            cv2.fillPoly(values, [fixed[list(outline)]], value, cv2.LINE_8, _SHIFT)
    if finer > 1:
        values = np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return Patch(top, left, soften(values, soft))


def soften(values: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Make the edges of a mask soft: two running means, so that a straight edge has no corner where it begins or ends.

    Args:
        values: (h, w) uint8.
        width: of the soft edge, pixels.
    """
    side = width // 2 | 1
    if side < 3:
        return values
    for _ in range(2):
        values = np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE), np.uint8)
    return values
