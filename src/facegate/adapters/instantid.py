"""InstantID: the image of five key points that its ControlNet takes, and the embedding that its adapter takes.

Conventions of InstantX's `draw_kps` (pipeline_stable_diffusion_xl_instantid.py, Apache-2.0): points in insightface's
order, limbs from each to the nose, darkened to 0.6, then the points on top; colours in RGB.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate.adapters import raster
from facegate.adapters.lent import Scratch, canvas_size, copied, empty
from facegate.errors import ShapeError
from facegate.faces import Face
from facegate.quiet import quiet

# The person's right eye, left eye, nose, right and left corner of the mouth.
COLOURS: Final = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
NOSE: Final = 2
LIMB_WIDTH: Final = 4
LIMB_SHARE: Final = 0.6
RADIUS: Final = 10


@quiet
def key_points_image(face: Face, *, size_wh: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The control image: pass it to the pipeline as ``image``, through `PIL.Image.fromarray` where it wants that.

    Args:
        face: the subject.
        size_wh: of the image, pixels; the points are scaled to it. The upload's size by default; InstantID's
            examples resize the photo to sides that are multiples of 64 before they look for the face.

    Returns:
        (height, width, 3) uint8, RGB, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: the face is a bystander.
        ShapeError: the size is none.
        RequestClosedError: the request is over.
    """
    width, height = canvas_size(face, size_wh)
    canvas = empty(face, (height, width, 3), np.uint8)
    with Scratch() as scratch, face.expose("five_points") as shown:
        points = scratch(shown.copy())
        if size_wh is not None:
            points *= np.divide(size_wh, face.faces.size_wh, dtype=np.float32)
        draw(canvas, points)
    return canvas


def draw(canvas: NDArray[np.uint8], points: NDArray[np.float32]) -> None:
    """Draw five points into a black canvas, in place.

    Args:
        canvas: (H, W, 3) uint8, zeros.
        points: (5, 2) float32, pixels of the canvas, in insightface's order.

    Raises:
        ShapeError: there are other points than five, which would be joined wrongly.
    """
    if points.shape != (5, 2):
        raise ShapeError(f"InstantID's key points are (5, 2), got {points.shape}.")
    for index, colour in enumerate(COLOURS):
        if index == NOSE:
            continue
        ends = points[[index, NOSE]]
        x, y = ends[0] - ends[1]
        length = math.hypot(x, y)
        # The reference cuts off, and does not round, here and below.
        centre = [int(each) for each in ends.mean(axis=0)]
        degrees = int(math.degrees(math.atan2(y, x)))
        raster.ellipse(canvas, centre, (int(length / 2), LIMB_WIDTH), degrees, [int(LIMB_SHARE * c) for c in colour])
    for point, colour in zip(points, COLOURS, strict=True):
        raster.disc(canvas, [int(each) for each in point], RADIUS, colour)


@quiet
def embedding(face: Face) -> NDArray[np.float32]:
    """The identity embedding as InstantID takes it: as the network gave it, not of unit length.

    Args:
        face: the subject, analyzed under a policy with a recognizer. InstantID was trained on antelopev2's glintr100.

    Returns:
        (512,) float32, writable, of the request: ``image_embeds`` of the pipeline.

    Raises:
        AnalysisError: there is no recognizer, or the face is a bystander.
        RequestClosedError: the request is over.
    """
    return copied(face, "identity", (512,))
