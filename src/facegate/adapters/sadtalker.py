"""SadTalker: the 68 points that it starts from, the rectangle that it cuts out, and the points in what it cuts.

Conventions of OpenTalker/SadTalker (src/utils/croper.py and src/utils/preprocess.py, Apache-2.0). SadTalker writes the
points to a text file beside the picture; here they stay in the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate.adapters.lent import Scratch, canvas_size, empty
from facegate.errors import ShapeError
from facegate.faces import Face
from facegate.memory.sealed import Sealed
from facegate.quiet import quiet

SIZE: Final = 256
_OUTPUT: Final = 512
_EYES: Final = (slice(36, 42), slice(42, 48))
_MOUTH: Final = (48, 54)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Source(Sealed):
    """What SadTalker's preprocessing finds; every array belongs to the request.

    Attributes:
        points: (68, 2) float32, iBUG's, pixels of the upload.
        box: (4,) int64, xyxy, pixels of the upload: ``picture[y0:y1, x0:x1]`` is what is resized to a square.
        points_cut: (68, 2) float32, in that square, from its top; SadTalker turns y round itself.
    """

    points: NDArray[np.float32]
    box: NDArray[np.int64]
    points_cut: NDArray[np.float32]


@quiet
def source(face: Face, *, size: int = SIZE) -> Source:
    """What SadTalker's ``preprocess="crop"`` makes of a source picture, but for the picture itself.

    It finds the points anew in the square; here they are moved there with it. Its pictures are not resized first: very
    large ones, whose face is more than twice 512 pixels wide, SadTalker shrinks before it cuts, by a whole number; the
    box here is in pixels of the upload all the same.

    Args:
        face: the subject.
        size: edge of the square, pixels: 256, or 512.

    Raises:
        AnalysisError: the face is a bystander.
        RequestClosedError: the request is over.
    """
    size_wh = canvas_size(face, None)
    made = Source(empty(face, (68, 2), np.float32), empty(face, (4,), np.int64), empty(face, (68, 2), np.float32))
    with face.expose("points_68") as shown:
        made.points[...] = shown[:, :2]
    made.box[...] = crop_box(made.points, size_wh)
    with Scratch() as scratch:
        scale = scratch(size / (made.box[2:] - made.box[:2]))
        # The centres of the corner pixels are moved as a resize moves them.
        moved = scratch(made.points - made.box[:2] + 0.5)
        moved *= scale
        moved -= 0.5
        made.points_cut[...] = moved
    return made


def crop_box(points: NDArray[np.float32], size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """The rectangle that SadTalker cuts out.

    Args:
        points: (68, 2), iBUG's, pixels.
        size_wh: of the picture.

    Returns:
        xyxy, whole pixels of the picture.

    Raises:
        ShapeError: they are not 68. SadTalker takes any number, reads some of them by iBUG's numbers and goes on.
    """
    if points.shape != (68, 2):
        raise ShapeError(f"SadTalker reads (68, 2) points by iBUG's numbers; it would misread {points.shape}.")
    array = np.asarray(points, np.float64)
    left, right = (array[each].mean(axis=0) for each in _EYES)
    eyes, mouth = (left + right) / 2, array[list(_MOUTH)].mean(axis=0)
    apart, down = right - left, mouth - eyes
    # FFHQ's oriented square: half of its edge along x, and that turned by a quarter.
    x = apart - down[::-1] * [-1, 1]
    x *= max(np.hypot(*apart) * 2.0, np.hypot(*down) * 1.8) / np.hypot(*x)
    y = x[::-1] * [-1, 1]
    centre = eyes + down * 0.1
    corners = np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])
    edge = np.hypot(*x) * 2
    shrink = max(int(edge / _OUTPUT * 0.5), 1)
    width, height = (round(side / shrink) for side in size_wh)
    corners, edge = corners / shrink, edge / shrink
    border = max(round(edge * 0.1), 3)
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    x0, y0 = max(low[0] - border, 0), max(low[1] - border, 0)
    x1, y1 = min(high[0] + border, width), min(high[1] + border, height)
    if x1 - x0 < width or y1 - y0 < height:
        corners = corners - [x0, y0]
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners + 0.5
    # The upper limit of y is the width there, too, not the height: a cut of a slice does the rest.
    inner = (max(min(ax, bx), 0), max(min(ay, dy), 0), min(max(cx, dx), width), min(max(by, cy), width))
    inside = [int(each) for each in inner]
    cut = (x0 + inside[0], y0 + inside[1], min(x0 + inside[2], x1), min(y0 + inside[3], y1))
    return tuple(int(each * shrink) for each in cut)  # type: ignore[return-value]
