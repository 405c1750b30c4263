"""Which of the faces found is the one that the request is about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.vision.boxes import iou
from facegate.vision.detect import Detections
from facegate.vision.engines.parts import FaceFinder

# Two scans agree on a face to well over this; two people who are not one behind the other share less.
SAME_FACE_IOU = 0.35


def select(faces: Detections, wish: str | int | list[float] | None) -> int | None:
    """Index of the subject, or None when nobody is wanted or nobody is there.

    Args:
        faces: sorted by area, largest first.
        wish: ``"largest"``, an index, a point [x, y] in pixels that lies in the face's box, or None.

    Raises:
        Refusal: there is no face with that index, or none at that point.
    """
    count = len(faces.boxes)
    if wish is None or (wish == "largest" and count == 0):
        return None
    if wish == "largest":
        return 0
    if isinstance(wish, int):
        if not 0 <= wish < count:
            raise Refusal("subject.index")
        return wish
    x, y = np.asarray(wish, np.float32)
    x0, y0, x1, y1 = faces.boxes.T
    inside = (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
    if not inside.any():
        raise Refusal("subject.point")
    # Where boxes overlap, the face whose centre is nearest.
    distance = np.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y)
    return int(np.argmin(np.where(inside, distance, np.inf)))


def mesh_input(
    detector: FaceFinder, rgb: NDArray[np.uint8], faces: Detections, subject: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The box and key points from which the subject is meshed.

    They are those of the glance at the whole frame, wherever that sees the subject, whichever scan found it: the same
    face then has the same landmarks after either scan, and they are those of mediapipe's FaceMesh. Meshed from the
    boxes of the full scan, nearer to the face, points lie 2 % of the distance between the eyes from mediapipe's
    in the mean and 4.9 % at worst (54 pictures of two portraits).

    Where key points are no more than a guess, a closer look at the subject's surroundings takes their place.

    Returns:
        (1, 4) and (1, 6, 2) float32, pixels.
    """
    seen = detector.glance(rgb)
    same = index_of_same(seen.boxes, faces.boxes[subject])
    if len(same):
        return seen.boxes[same], seen.keypoints[same]
    box, points = faces.boxes[subject : subject + 1], faces.keypoints[subject : subject + 1]
    return _closer(detector, rgb, box, points) if faces.guessed else (box, points)


def _closer(
    detector: FaceFinder, rgb: NDArray[np.uint8], box: NDArray[np.float32], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Box and key points as a look at twice the box shows them; as they are given, if it does not show the face."""
    height, width = rgb.shape[:2]
    centre, half = (box[0, :2] + box[0, 2:]) / 2, (box[0, 2:] - box[0, :2]).max()
    left, top = np.maximum(centre - half, 0).astype(int)
    right, bottom = np.minimum(np.ceil(centre + half), [width, height]).astype(int)
    if right <= left or bottom <= top:
        return box, points
    seen, offset = detector.glance(rgb[top:bottom, left:right]), np.array([left, top], np.float32)
    boxes = seen.boxes + np.tile(offset, 2)
    same = index_of_same(boxes, box[0])
    return (boxes[same], seen.keypoints[same] + offset) if len(same) else (box, points)


def index_of_same(boxes: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.intp]:
    """The one index in `boxes` that shows the same face as `box`, or none; when in doubt, none.

    Args:
        boxes: (N, 4) float32, xyxy, pixels.
        box: (4,) float32, xyxy, pixels.
    """
    if not len(boxes):
        return np.empty(0, np.intp)
    overlap = iou(boxes, box[None])[:, 0]
    best = int(np.argmax(overlap))
    return np.array([best] if overlap[best] >= SAME_FACE_IOU else [], np.intp)
