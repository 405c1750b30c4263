"""LivePortrait: where its cropper cuts, from 106 points, and what it must not be given.

Conventions of KwaiVGI/LivePortrait (src/utils/crop.py and src/config/crop_config.py, MIT). The network's own 203 points
come from LivePortrait's landmark model, which looks at the picture; no other points have that order, so none are given
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facegate.adapters.lent import Scratch, empty, request_of
from facegate.errors import ShapeError
from facegate.faces import Face
from facegate.memory.sealed import Sealed
from facegate.quiet import quiet

SIZE: Final = 512
SCALE: Final = 2.3
UPWARDS: Final = -0.125

# How many points -> those whose means are the eyes (the one at the left of the picture first), and the corners of the
# mouth. Of five points an eye is one point.
_ANCHORS: Final = {
    5: ((0,), (1,), (3, 4)),
    68: ((36, 39), (42, 45), (48, 54)),
    101: ((39, 42, 45, 48), (51, 54, 57, 60), (75, 81)),
    106: ((33, 35, 40, 39), (87, 89, 94, 93), (52, 61)),
    203: ((0, 6, 12, 18), (24, 30, 36, 42), (48, 66)),
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Cut(Sealed):
    """Where the crop of a source picture is; every array belongs to the request.

    Attributes:
        matrix: (3, 3) float32, pixels of the upload to pixels of the crop; ``M_o2c`` there.
        inverse: (3, 3) float32, the other way; ``M_c2o``, by which the result is pasted back.
        points: (106, 2) float32, insightface's points in the crop; ``pt_crop``.
    """

    matrix: NDArray[np.float32]
    inverse: NDArray[np.float32]
    points: NDArray[np.float32]


@quiet
def cut(face: Face, *, size: int = SIZE, scale: float = SCALE, upwards: float = UPWARDS, turn: bool = True) -> Cut:
    """Where LivePortrait's cropper would cut a source picture for this face.

    Args:
        face: the subject.
        size: edge of the crop, pixels; ``dsize``.
        scale: edge over the extent of the points; ``scale``.
        upwards: ``vy_ratio``: moves the crop, as a share of its edge, up where it is negative.
        turn: upright by the line from the eyes to the mouth; ``flag_do_rot``.

    Raises:
        AnalysisError: the face is a bystander.
        RequestClosedError: the request is over.
    """
    made = Cut(*(empty(face, shape, np.float32) for shape in ((3, 3), (3, 3), (106, 2))))
    with Scratch() as scratch, face.expose("points_106") as points:
        there = scratch(crop_matrix(points, size=size, scale=scale, upwards=upwards, turn=turn))
        made.matrix[...] = there
        made.inverse[...] = scratch(np.linalg.inv(there))
        made.points[...] = scratch(points @ there[:2, :2].T)
        made.points[...] += there[:2, 2]
    return made


@quiet
def crop_image(
    face: Face, *, size: int = SIZE, scale: float = SCALE, upwards: float = UPWARDS, turn: bool = True
) -> NDArray[np.uint8]:
    """The crop itself, bilinear; ``img_crop``, which LivePortrait then shrinks to 256 pixels.

    Args:
        face: the subject.
        size: as for `cut`, and so the others.
        scale: see there.
        upwards: see there.
        turn: see there.

    Returns:
        (size, size, 3) uint8, RGB, black beyond the picture, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: the face is a bystander.
        RequestClosedError: the request is over.
    """
    request_of(face)
    with Scratch() as scratch:
        with face.expose("points_106") as points, face.expose("five_points") as five:
            there = scratch(crop_matrix(points, size=size, scale=scale, upwards=upwards, turn=turn))
            # Where the five points come to lie: the similarity that puts them there is this one.
            template = scratch(five @ there[:2, :2].T)
            template += there[:2, 2]
        with face.crop("similarity", size=size, template=template) as crop:
            made = empty(face, (size, size, 3), np.uint8)
            made[...] = crop.pixels
    return made


def crop_matrix(
    points: ArrayLike, *, size: int = SIZE, scale: float = SCALE, upwards: float = UPWARDS, turn: bool = True
) -> NDArray[np.float64]:
    """The same for points of other origin, in one of the orders that LivePortrait knows.

    Args:
        points: (N, 2), pixels, N being 5, 68, 101, 106 or 203.
        size: as for `cut`, and so the others.
        scale: see there.
        upwards: see there.
        turn: see there.

    Returns:
        (3, 3) float64; the caller's.

    Raises:
        ShapeError: they are of another number. LivePortrait's cropper takes any number from 102 up for its own 101
            points and some, cuts off the rest and goes on, and so cuts beside the face.
    """
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) not in _ANCHORS:
        raise ShapeError(
            f"LivePortrait's cropper knows 5, 68, 101, 106 or 203 points of (x, y); it would misread {array.shape}."
        )
    left, right, mouth = (array[list(each)].mean(axis=0) for each in _ANCHORS[len(array)])
    down = mouth - (left + right) / 2
    length = np.hypot(*down)
    down = np.array([0.0, 1.0]) if length <= 1e-3 else down / length
    across = np.array([down[1], -down[0]])
    # Extent in the face's own axes.
    own = array @ np.stack([across, down], axis=1)
    low, high = own.min(axis=0), own.max(axis=0)
    edge = (high - low).max() * scale
    middle = (low + high) / 2 + [0, upwards * edge]
    centre = middle[0] * across + middle[1] * down
    linear = (np.stack([across, down]) if turn else np.eye(2)) * (size / edge)
    made = np.eye(3)
    made[:2, :2] = linear
    made[:2, 2] = size / 2 - linear @ centre
    return made
