"""The face image of ControlNet's MediaPipeFace model: outlines of the mesh and the irises, in fixed colours.

Conventions of CrucibleAI's ControlNetMediaPipeFace as controlnet_aux draws it (mediapipe_face_common.py, Apache-2.0):
lines two pixels thick, a square of four pixels for each iris, drawn as BGR and then turned round, so the colours here
are RGB. The connections are mediapipe's FACEMESH_CONTOURS (face_mesh_connections.py, Apache-2.0), written as paths.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate.adapters import raster
from facegate.adapters.lent import Scratch, canvas_size, empty
from facegate.errors import AnalysisError, ShapeError
from facegate.faces import Face
from facegate.quiet import quiet

POINTS: Final = 478
# The face's shorter side, pixels of the image: the reference draws nothing for a smaller one.
SMALLEST: Final = 64
PUPIL: Final = 2

OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149),
    *(150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
)
_LEFT_EYE: Final = ((263, 249, 390, 373, 374, 380, 381, 382, 362), (263, 466, 388, 387, 386, 385, 384, 398, 362))
_LEFT_BROW: Final = ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336))
_RIGHT_EYE: Final = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (33, 246, 161, 160, 159, 158, 157, 173, 133))
_RIGHT_BROW: Final = ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))
_LIPS: Final = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
# In the order in which they are drawn: later ones lie on top. Left and right are the person's.
PARTS: Final = (
    ((OVAL,), (10, 200, 10)),
    (_LEFT_EYE, (10, 200, 180)),
    (_LEFT_BROW, (10, 220, 180)),
    (_RIGHT_EYE, (180, 200, 10)),
    (_RIGHT_BROW, (180, 220, 10)),
    (_LIPS, (10, 180, 10)),
)
PUPILS: Final = ((468, (250, 200, 10)), (473, (10, 200, 250)))

_EDGES: Final = np.array([pair for paths, _ in PARTS for path in paths for pair in pairwise(path)], np.int64)
_COLOURS: Final = np.array([colour for paths, colour in PARTS for path in paths for _ in path[1:]], np.uint8)


@quiet
def face_image(face: Face, *, size_wh: tuple[int, int] | None = None, smallest: int = SMALLEST) -> NDArray[np.uint8]:
    """The control image.

    Args:
        face: the subject.
        size_wh: of the image, pixels; the points are scaled to it. The upload's size by default. controlnet_aux draws
            at 512 pixels for the shorter side, and a line stays two pixels thick: draw at the size of the generation.
        smallest: shorter side of the face in the image, pixels, below which nothing is drawn.

    Returns:
        (height, width, 3) uint8, RGB, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: the face is smaller than `smallest`, where the reference hands out a black image without a word;
            or it is a bystander.
        ShapeError: the size is none.
        RequestClosedError: the request is over.
    """
    width, height = canvas_size(face, size_wh)
    canvas = empty(face, (height, width, 3), np.uint8)
    with Scratch() as scratch, face.expose("landmarks") as shown:
        normalized = scratch(shown[:, :2].copy())
        normalized /= np.array(face.faces.size_wh, np.float32)
        extent = np.ptp(normalized, axis=0) * (width, height)
        if extent.min() < smallest:
            raise AnalysisError(
                "The face is too small in an image of this size: ask for a larger one, or less smallest."
            )
        draw(canvas, normalized)
    return canvas


def draw(canvas: NDArray[np.uint8], normalized: NDArray[np.float32]) -> None:
    """Draw 478 points into a black canvas, in place.

    Args:
        canvas: (H, W, 3) uint8, zeros.
        normalized: (478, 2) float32, in mediapipe's order, 0 to 1 over the canvas. Edges to points
            outside are left out.

    Raises:
        ShapeError: there are other points than 478, whose numbers would mean other places.
    """
    if normalized.shape != (POINTS, 2):
        raise ShapeError(f"MediaPipeFace is drawn from ({POINTS}, 2) points, got {normalized.shape}.")
    height, width = canvas.shape[:2]
    with Scratch() as scratch:
        # In double precision, as the reference multiplies. A point on the last edge belongs to the last pixel.
        exact = scratch(normalized * np.array([width, height], np.float64))
        pixels = scratch(np.minimum(np.floor(exact).astype(np.int64), [width - 1, height - 1]))
        inside = np.logical_and.reduce((normalized >= 0) & (normalized <= 1), axis=1)
        drawn = inside[_EDGES].all(axis=1)
        begin, end = scratch(pixels[_EDGES[drawn, 0]]), scratch(pixels[_EDGES[drawn, 1]])
        raster.lines(canvas, begin, end, _COLOURS[drawn])
        for index, colour in PUPILS:
            x, y = (int(each) for each in exact[index])
            if (normalized[index] >= 0).all() and (normalized[index] < 1).all() and min(x, y) >= PUPIL:
                canvas[y - PUPIL : y + PUPIL, x - PUPIL : x + PUPIL] = colour
