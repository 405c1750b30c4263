"""CenterFace on LiteRT, in int8 and in float32: the strong detector of video. Child side only.

CenterFace: Joint Face Detection and Alignment Using Face as Point (Xu et al., 2019). A cell of its heat map stands for
4x4 pixels; a face is a cell that is hot, with the size and the centre's offset that the cell says.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Literal, TypeAlias

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from facegate.vision import boxes as bx
from facegate.vision import quantized, tflite
from facegate.vision.boxes import Floats
from facegate.vision.models import weights
from facegate.vision.onnx import Node, Weights, read

Precision: TypeAlias = Literal["int8", "float32"]

# Input sizes are multiples of this: five halvings, each undone on the way up.
MULTIPLE = 32
STRIDE = 4  # pixels of the input per cell
POINTS = 5
# The outputs' names in centerface.onnx: heat before its sigmoid, logarithms of height and width in cells, offset y, x
# in cells, points y and x in parts of the box.
OUTPUTS = ("536", "538", "539", "540")
# As in the authors' own decoder.
SAME_FACE_IOU = 0.3
_BLACK = np.uint8(0x80)  # a sample of 0, as the int8 input has it


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
    """The network's graph, read and checked once, in the zygote: its children share the pages.

    Raises:
        AnalysisError: the weights are missing or not those that were shipped.
    """
    return read(weights("centerface"))


@functools.cache
def ranges() -> dict[str, tuple[float, float]]:
    """Least and largest value of each activation, by name: ``centerface_int8.toml``."""
    text = resources.files(__package__).joinpath("centerface_int8.toml").read_text(encoding="utf-8")
    return {name: (float(least), float(most)) for name, (least, most) in tomllib.loads(text)["ranges"].items()}


@functools.lru_cache(maxsize=8)
def model(height: int, width: int, precision: Precision) -> bytes:
    """The .tflite for pictures of one size. Writing it takes 0.1 s, so the zygote does, for the usual sizes."""
    if precision == "float32":
        return tflite.turned(*load(), OUTPUTS, height, width)
    return quantized.turned(*load(), OUTPUTS, height, width, ranges())


class CenterFace:
    """The network, its memory allocated for pictures of one size. One thread; runs without Python's lock.

    In int8 it takes a third of float32's time and finds the same: of 1,419 faces that float32 is sure of (0.3) on
    frames of the clips of known faces it misses none, and it sees none that float32 does not; scores fall by 0.07 at
    most for 95 %, boxes overlap by 0.97 (median).

    Attributes:
        height: of the input, pixels.
        width: of the input, pixels.
    """

    def __init__(self, height: int, width: int, *, precision: Precision = "float32") -> None:
        """Allocate.

        Args:
            height: a multiple of 32.
            width: a multiple of 32.
            precision: what it calculates with.
        """
        self.height, self.width = height, width
        self._interpreter = Interpreter(model_content=model(height, width, precision), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = int(self._interpreter.get_input_details()[0]["index"])
        self._outputs = [(int(item["index"]), *item["quantization"]) for item in self._interpreter.get_output_details()]

    def __call__(self, rgb: NDArray[np.uint8], min_score: float) -> Faces:
        """Look once, at the picture's own scale.

        Args:
            rgb: (h, w, 3) uint8, RGB, no larger than the input; what is missing on the right and below is black.
            min_score: above 0, below 1.
        """
        height, width = rgb.shape[:2]
        # LiteRT refuses to run while a view of its memory lives.
        upright = self._interpreter.tensor(self._input)()[0, ::-1, ::-1]
        if upright.dtype == np.int8:
            # A sample less 128 is the sample with its highest bit flipped.
            upright = upright.view(np.uint8)
            np.bitwise_xor(rgb, _BLACK, out=upright[:height, :width])
            black = _BLACK
        else:
            upright[:height, :width] = rgb
            black = np.uint8(0)
        upright[height:] = black
        upright[:height, width:] = black
        del upright
        self._interpreter.invoke()
        heat, size, offset, points = map(self._read, range(len(self._outputs)))
        return decode(heat, size, offset, points, min_score)

    def _read(self, output: int) -> Floats:
        """(h, w, n) float32 of one output."""
        index, scale, zero = self._outputs[output]
        values = self._interpreter.get_tensor(index)[0, ::-1, ::-1]
        if values.dtype == np.int8:
            values = (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)
        return np.asarray(values, np.float32)


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
