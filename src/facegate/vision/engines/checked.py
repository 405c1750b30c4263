"""What a detector that is not facegate's gave, checked before anything is done with it. Child side only.

The network behind it has read an upload that may have been made for it, and its code is not ours. So nothing is taken
for granted: not that there are arrays, nor their shapes, nor that a number is one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from facegate.codes import Refusal
from facegate.memory.arena import MAX_FACES
from facegate.vision import boxes as bx
from facegate.vision.blazeface import KEYPOINTS
from facegate.vision.detect import Detections
from facegate.vision.roi import Floats

# About where a face that looks into the camera has them, in its box: right eye, left eye, nose tip, mouth centre, right
# and left ear. All that is taken from them is that the eyes are level.
_UPRIGHT: Final = np.array([(0.31, 0.33), (0.69, 0.33), (0.5, 0.56), (0.5, 0.77), (0.06, 0.4), (0.94, 0.4)], np.float32)
# A box may reach beyond the picture, by less than this many of the picture's longer sides.
_FAR: Final = 4.0


def checked(found: object, height: int, width: int) -> Detections:
    """The faces, largest first, with key points in every case.

    Args:
        found: what a `facegate.detectors.Detector` gave.
        height: of the picture, pixels.
        width: of the picture, pixels.

    Raises:
        Refusal: it is not what it must be, or there are more faces than a request may handle.
    """
    if not isinstance(found, tuple) or len(found) != 3:
        raise Refusal("detector.output")
    boxes, confidence, keypoints = found
    count = len(boxes) if isinstance(boxes, np.ndarray) and boxes.ndim else -1
    if count > MAX_FACES:
        raise Refusal("limit.faces")
    boxes = _numbers(boxes, (count, 4))
    confidence = _numbers(confidence, (count,))
    far = np.float32(_FAR * max(height, width))
    if np.any(boxes[:, 2:] <= boxes[:, :2]) or np.any(np.abs(boxes) > far):
        raise Refusal("detector.output")
    if np.any(confidence < 0) or np.any(confidence > 1):
        raise Refusal("detector.output")
    points = derived(boxes) if keypoints is None else _numbers(keypoints, (count, KEYPOINTS, 2))
    if np.any(np.abs(points) > far):
        raise Refusal("detector.output")
    order = np.argsort(-bx.area(boxes), kind="stable")
    return Detections(boxes[order], confidence[order], points[order], guessed=keypoints is None)


def derived(boxes: Floats) -> Floats:
    """Key points (N, 6, 2) of upright faces in boxes (N, 4), for a detector that gives none."""
    low, size = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    return np.asarray(low + _UPRIGHT * size, np.float32)


def _numbers(value: object, shape: tuple[int, ...]) -> Floats:
    """A copy as float32, of that shape, all of it finite."""
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype.kind not in "fiu":
        raise Refusal("detector.output")
    with np.errstate(over="ignore"):
        numbers = np.array(value, np.float32)
    if not np.isfinite(numbers).all():
        raise Refusal("detector.output")
    return numbers
