"""CenterFace on LiteRT: the strong detector of video. Child side only.

CenterFace: Joint Face Detection and Alignment Using Face as Point (Xu et al., 2019). A cell of its heat map stands for
4x4 pixels; a face is a cell that is hot, with the size and the centre's offset that the cell says.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from facegate.vision import boxes as bx
from facegate.vision.boxes import Floats
from facegate.vision.models import weights
from facegate.vision.onnx import Node, Weights, read
from facegate.vision.tflite import turned

# Input sizes are multiples of this: five halvings, each undone on the way up.
MULTIPLE = 32
STRIDE = 4  # pixels of the input per cell
POINTS = 5
# The outputs' names in centerface.onnx: heat before its sigmoid, logarithms of height and width in cells, offset y, x
# in cells, points y and x in parts of the box.
_OUTPUTS = ("536", "538", "539", "540")
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


@functools.cache
def load() -> tuple[list[Node], dict[str, Weights]]:
    """The network's graph, read and checked once.

    The zygote calls it: its children share the pages, and may open no file.

    Raises:
        AnalysisError: the weights are missing or not those that were shipped.
    """
    return read(weights("centerface"))


class CenterFace:
    """The network, its memory allocated for pictures of one size. One thread; runs without Python's lock.

    Attributes:
        height: of the input, pixels.
        width: of the input, pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        """Allocate.

        Args:
            height: a multiple of 32.
            width: a multiple of 32.
        """
        self.height, self.width = height, width
        model = turned(*load(), _OUTPUTS, height, width)
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = int(self._interpreter.get_input_details()[0]["index"])
        self._outputs = [int(item["index"]) for item in self._interpreter.get_output_details()]

    def __call__(self, rgb: NDArray[np.uint8], min_score: float) -> Faces:
        """Look once, at the picture's own scale.

        Args:
            rgb: (h, w, 3) uint8, RGB, no larger than the input; what is missing on the right and below is black.
            min_score: above 0, below 1.
        """
        height, width = rgb.shape[:2]
        # LiteRT refuses to run while a view of its memory lives.
        upright = self._interpreter.tensor(self._input)()[0, ::-1, ::-1]
        upright[:height, :width] = rgb
        upright[height:] = 0
        upright[:height, width:] = 0
        del upright
        self._interpreter.invoke()
        heat, size, offset, points = (self._interpreter.get_tensor(index)[0, ::-1, ::-1] for index in self._outputs)
        return decode(heat, size, offset, points, min_score)


def decode(heat: Floats, size: Floats, offset: Floats, points: Floats, min_score: float) -> Faces:
    """What the network's numbers mean, one box a face.

    Args:
        heat: (h, w, 1), logits.
        size: (h, w, 2), natural logarithm of height and width in cells.
        offset: (h, w, 2), of the centre, down and right, in cells.
        points: (h, w, 10), y and x of each point from the box's corner, in parts of its height and width.
        min_score: above 0, below 1.
    """
    rows, columns = np.nonzero(heat[..., 0] > np.log(min_score / (1 - min_score)))
    scores = (1 / (1 + np.exp(-heat[rows, columns, 0]))).astype(np.float32)
    sides = np.exp(size[rows, columns]) * STRIDE
    centre = (np.stack([rows, columns], axis=1) + offset[rows, columns] + 0.5) * STRIDE
    corner = centre - sides / 2
    boxes = np.concatenate([corner, corner + sides], axis=1)[:, [1, 0, 3, 2]].astype(np.float32)
    leaders = np.flatnonzero(bx.clusters(boxes, scores, min_iou=SAME_FACE_IOU) == np.arange(len(boxes)))
    best = leaders[np.argsort(-scores[leaders], kind="stable")]
    parts = points[rows[best], columns[best]].reshape(-1, POINTS, 2)
    places = (corner[best, None] + parts * sides[best, None])[..., ::-1]
    return Faces(boxes[best], scores[best], places.astype(np.float32))
