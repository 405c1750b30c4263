"""CenterFace on OpenCV's dnn: the strong detector of video. Child side only.

CenterFace: Joint Face Detection and Alignment Using Face as Point (Xu et al., 2019). A cell of its heat map stands for
4x4 pixels; a face is a cell that is hot, with the size and the centre's offset that the cell says.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.vision import boxes as bx
from facegate.vision.boxes import Floats
from facegate.vision.models import weights

# Input sizes are multiples of this: five halvings, each undone on the way up.
MULTIPLE = 32
STRIDE = 4  # pixels of the input per cell
POINTS = 5
# The outputs' names in centerface.onnx: heat, log of height and width in cells, offset y and x in cells, points y, x in
# parts of the box.
_OUTPUTS = ("537", "538", "539", "540")
# As in the authors' own decoder.
SAME_FACE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Faces:
    """What CenterFace saw, best first.

    Attributes:
        boxes: (N, 4) float32, xyxy, pixels of the picture: from the hairline to the chin; may reach beyond the picture.
        scores: (N,) float32, 0 to 1.
        points: (N, 5, 2) float32, x, y, pixels: right eye, left eye, nose tip, right and left corner of the mouth.
    """

    boxes: Floats
    scores: Floats
    points: Floats


class CenterFace:
    """The network. It takes as many threads as `cv2.setNumThreads` allows, and runs without Python's lock."""

    def __init__(self) -> None:
        # Read from memory: the child may open no file, and the digest is of these very bytes.
        self._net = cv2.dnn.readNetFromONNX(np.frombuffer(weights("centerface"), np.uint8))

    def __call__(self, rgb: NDArray[np.uint8], min_score: float) -> Faces:
        """Look once at a picture of any size, at its own scale.

        Args:
            rgb: (H, W, 3) uint8, RGB. What is missing to a multiple of 32 is black, on the right and below.
            min_score: above 0.
        """
        height, width = rgb.shape[:2]
        padded = (-(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE)
        blob = np.zeros((1, 3, *padded), np.float32)
        blob[0, :, :height, :width] = rgb.transpose(2, 0, 1)
        self._net.setInput(blob)
        heat, size, offset, points = (np.asarray(out, np.float32) for out in self._net.forward(_OUTPUTS))
        return decode(heat, size, offset, points, min_score)


def decode(heat: Floats, size: Floats, offset: Floats, points: Floats, min_score: float) -> Faces:
    """What the network's numbers mean, one box a face.

    Args:
        heat: (1, 1, h, w).
        size: (1, 2, h, w), natural logarithm of height and width in cells.
        offset: (1, 2, h, w), of the centre, down and right, in cells.
        points: (1, 10, h, w), y and x of each point from the box's corner, in parts of its height and width.
        min_score: above 0.
    """
    rows, columns = np.nonzero(heat[0, 0] > min_score)
    scores = heat[0, 0, rows, columns]
    sides = np.exp(size[0, :, rows, columns]) * STRIDE
    centre = (np.stack([rows, columns], axis=1) + offset[0, :, rows, columns] + 0.5) * STRIDE
    corner = centre - sides / 2
    boxes = np.concatenate([corner, corner + sides], axis=1)[:, [1, 0, 3, 2]].astype(np.float32)
    leaders = np.flatnonzero(bx.clusters(boxes, scores, min_iou=SAME_FACE_IOU) == np.arange(len(boxes)))
    best = leaders[np.argsort(-scores[leaders], kind="stable")]
    parts = points[0, :, rows[best], columns[best]].reshape(-1, POINTS, 2)
    places = (corner[best, None] + parts * sides[best, None])[..., ::-1]
    return Faces(boxes[best], scores[best].astype(np.float32), places.astype(np.float32))
