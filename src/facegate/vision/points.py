"""The point sets that other software asks for, out of the 478 of the mesh: iBUG's 68 and insightface's 106.

Each point is a vertex of the mesh, or lies on the straight line between two. So everything here is one weighted sum,
the same for all faces, and z comes along. `docs/geometry.md` has the tables and how far the points are from what other
software finds: the mesh has no ear, and its jaw is the edge of the face in depth, where annotators follow what is
seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision.roi import Floats

# A vertex, or two and the share of the second.
Place: TypeAlias = int | tuple[int, int, float]

VERTICES = 478

# The edge of the face from the temple at the height of the eyes to the chin, and up the other side: mediapipe's
# FACEMESH_FACE_OVAL (solutions/face_mesh_connections.py, Apache-2.0) without the forehead; the chin is in the middle.
JAW = (
    *(127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148),
    *(152,),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),
)


def along(path: Sequence[int], count: int) -> list[Place]:
    """`count` places on a line of vertices, at equal steps counted in vertices, ends included."""
    steps = np.linspace(0, len(path) - 1, count)
    places: list[Place] = []
    for step in steps:
        at = min(int(step), len(path) - 2)
        share = float(step - at)
        places.append(path[at] if share == 0 else path[at + 1] if share == 1 else (path[at], path[at + 1], share))
    return places


# iBUG's 300-W markup, from 0. The person's right is the left of an upright picture, and comes first.
IBUG_68: list[Place] = [
    *along(JAW, 17),  # 0-16: jaw from right to left, 8 is the chin
    *((70, 46, 0.5), 63, (105, 66, 0.5), (66, 107, 0.5), (107, 55, 0.5)),  # 17-21: right brow from outside to inside
    *((336, 285, 0.5), (296, 336, 0.5), (334, 296, 0.5), 293, (300, 276, 0.5)),  # 22-26: left brow, back
    *(168, 197, 5, 4),  # 27-30: ridge of the nose, 30 is the tip
    *(75, 97, 2, 326, 305),  # 31-35: below the nose
    *(33, (160, 159, 0.5), 158, 133, 153, 144),  # 36-41: right eye, clockwise as seen from the outer corner
    *(362, 385, (387, 386, 0.5), 263, 373, 380),  # 42-47: left eye, from the inner corner
    *(61, 39, 37, 0, 267, 269, 291),  # 48-54: outer edge of the upper lip, corner to corner
    *((405, 321, 0.5), 314, 17, 84, (181, 91, 0.5)),  # 55-59: outer edge of the lower lip, back
    *(78, 82, 13, 312, 308),  # 60-64: inner edge of the upper lip
    *(317, 14, 87),  # 65-67: inner edge of the lower lip, back
]


def _insightface() -> list[Place]:
    """The 2d106det of insightface, whose numbers do not go round the face: each part's, in the order of its outline."""
    parts: dict[tuple[int, ...], Iterable[Place]] = {
        # The jaw, right to left; 0 is the chin.
        (
            *(1, 9, 10, 11, 12, 13, 14, 15, 16, 2, 3, 4, 5, 6, 7, 8),
            *(0, 24, 23, 22, 21, 20, 19, 18, 32, 31, 30, 29, 28, 27, 26, 25, 17),
        ): along(JAW, 33),
        # Brows: the upper edge, then the lower one, back.
        (43, 48, 49, 51, 50, 46, 47, 45, 44): (70, 63, 105, 66, 107, 55, 65, 52, 53),
        (101, 105, 104, 103, 102, 97, 98, 99, 100): (336, 296, 334, 293, 300, 283, 282, 295, 285),
        # Eyes: from the corner at the left of the picture over the upper lid to the other and back.
        (35, 41, 40, 42, 39, 37, 33, 36): (33, 160, 159, 158, 133, 153, 145, 144),
        (89, 95, 94, 96, 93, 91, 87, 90): (362, 385, 386, 387, 263, 373, 374, 380),
        # Two points inside each eye. Published lists differ on which is the pupil: both get the centre of the iris.
        (34, 38, 88, 92): (468, 468, 473, 473),
        # The ridge of the nose down to its tip; then from the root at one side round below to the other.
        (72, 73, 74, 86): (168, 197, 5, 4),
        (75, 76, 77, 78, 79, 80, 85, 84, 83, 82, 81): (193, 198, 129, 98, 97, 2, 326, 327, 358, 420, 417),
        # Lips: the outer edge and the inner one, each from the right corner over the top.
        (52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55): (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
        (65, 66, 62, 70, 69, 57, 60, 54): (78, 82, 13, 312, 308, 317, 14, 87),
    }
    table: dict[int, Place] = {}
    for numbers, places in parts.items():
        table.update(zip(numbers, places, strict=True))
    return [table[number] for number in range(106)]


INSIGHTFACE_106 = _insightface()


def _columns(places: Sequence[Place]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    rows = [(place, place, 0.0) if isinstance(place, int) else place for place in places]
    first, second, share = zip(*rows, strict=True)
    return np.array(first, np.intp), np.array(second, np.intp), np.array(share, np.float32)[:, None]


_68, _106 = _columns(IBUG_68), _columns(INSIGHTFACE_106)


def points_68(landmarks: Floats) -> Floats:
    """The 68 points of iBUG's 300-W markup, in its order; what dlib and insightface's landmark_3d_68 give.

    Args:
        landmarks: (N, 478, 3) float32, pixels.

    Returns:
        (N, 68, 3) float32: x and y in pixels, z on the scale of x, as `landmarks` has them.
    """
    return _places(landmarks, _68)


def points_106(landmarks: Floats) -> Floats:
    """The 106 points of insightface's 2d106det, in its order.

    Args:
        landmarks: (N, 478, 3) float32, pixels.

    Returns:
        (N, 106, 2) float32: x and y in pixels.
    """
    return _places(landmarks, _106)[..., :2]


def _places(landmarks: Floats, table: tuple[NDArray[np.intp], NDArray[np.intp], Floats]) -> Floats:
    if landmarks.ndim != 3 or landmarks.shape[1:] != (VERTICES, 3):
        raise ShapeError(f"landmarks must be (N, {VERTICES}, 3), got {landmarks.shape}.")
    first, second, share = table
    start = landmarks[:, first]
    return np.asarray(start + (landmarks[:, second] - start) * share, np.float32)
