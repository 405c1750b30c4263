"""Turned squares of a frame and the crops that networks see of them, all faces at once.

Coordinates are mediapipe's: the centre of the top left pixel is (0, 0), and the edges of the square are the crop's
coordinates 0 and `size`, not the centres of its outermost pixels. Angles are radians, clockwise as seen: y points down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# RectTransformationCalculator of mediapipe's face_detection_front_detection_to_roi.pbtxt and
# face_landmark_landmarks_to_roi.pbtxt, both with square_long.
FACE_SCALE = 1.5
# Of the mesh, the person's right eye first: rotation_vector_start_keypoint_index and _end_ of the latter file.
OUTER_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True)
class Squares:
    """N turned squares.

    Attributes:
        centre: (N, 2) float32, x, y, pixels of the frame.
        side: (N,) float32, pixels of the frame.
        angle: (N,) float32, radians, clockwise: the direction in the frame of the crop's x axis.
    """

    centre: Floats
    side: Floats
    angle: Floats


def around_faces(boxes: Floats, keypoints: Floats) -> Squares:
    """The squares that Face Mesh looks at: 1.5 times the box's longer side, turned until the eyes are level.

    Args:
        boxes: (N, 4) float32, xyxy, pixels of the frame.
        keypoints: (N, 6, 2) float32, x, y, pixels; the first two are the person's right and left eye.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    return Squares(
        np.asarray(centre, np.float32), sides * np.float32(FACE_SCALE), _direction(keypoints[:, 1] - keypoints[:, 0])
    )


def around_meshes(landmarks: Floats) -> Squares:
    """The squares that Face Mesh looks at when it has seen the faces before: mediapipe's when it tracks a face.

    Args:
        landmarks: (N, 468, 3) float32, pixels of the frame.
    """
    flat = landmarks[..., :2]
    low, high = flat.min(axis=1), flat.max(axis=1)
    level = _direction(flat[:, OUTER_EYE_CORNERS[1]] - flat[:, OUTER_EYE_CORNERS[0]])
    return Squares(np.asarray((low + high) / 2, np.float32), (high - low).max(axis=1) * np.float32(FACE_SCALE), level)


def around_segments(start: Floats, end: Floats, scale: float) -> Squares:
    """Squares around segments, each turned so that its segment is level.

    Args:
        start: (N, 2) float32, x, y, pixels of the frame.
        end: (N, 2) float32, x, y, pixels of the frame.
        scale: side of the square, in longer sides of the segment's upright bounding box: mediapipe's square_long.
    """
    along = end - start
    return Squares(
        np.asarray((start + end) / 2, np.float32), np.abs(along).max(axis=1) * np.float32(scale), _direction(along)
    )


def _direction(vectors: Floats) -> Floats:
    return np.arctan2(vectors[:, 1], vectors[:, 0])


def to_frame(squares: Squares, size: int, mirrored: NDArray[np.bool_] | None = None) -> Floats:
    """The maps from coordinates of the crops to those of the frame.

    Args:
        squares: N of them.
        size: edge of the crops, pixels.
        mirrored: (N,) which crops are mirrored left to right; None for none.

    Returns:
        (N, 2, 3) float32: ``point @ map[:, :2].T + map[:, 2]``.
    """
    zoom = squares.side / size
    cos, sin = np.cos(squares.angle) * zoom, np.sin(squares.angle) * zoom
    flip = 1 if mirrored is None else np.where(mirrored, np.float32(-1), np.float32(1))
    maps = np.empty((len(zoom), 2, 3), np.float32)
    maps[:, 0, 0], maps[:, 0, 1] = cos * flip, -sin
    maps[:, 1, 0], maps[:, 1, 1] = sin * flip, cos
    maps[:, :, 2] = squares.centre - maps[:, :, :2].sum(axis=2) * np.float32(size / 2)
    return maps


def inverse(maps: Floats) -> Floats:
    """The maps (N, 2, 3) the other way round: from the frame to the crops."""
    linear = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([linear, -linear @ maps[:, :, 2:]], axis=2)


def apply(maps: Floats, points: Floats) -> Floats:
    """Map points.

    Args:
        maps: (N, 2, 3) float32.
        points: (N, P, 2) float32, or (N, P, 3) with depth, which is scaled as lengths are.

    Returns:
        An array of the points' shape, float32.
    """
    mapped = np.empty_like(points)
    np.matmul(points[..., :2], maps[:, :, :2].transpose(0, 2, 1), out=mapped[..., :2])
    mapped[..., :2] += maps[:, None, :, 2]
    if points.shape[2] == 3:
        # LandmarkProjectionCalculator: "scale Z coordinate as X". The first column is the crop's x axis in the frame.
        mapped[..., 2] = points[..., 2] * np.hypot(maps[:, 0, 0], maps[:, 1, 0])[:, None]
    return mapped


def crop(rgb: NDArray[np.uint8], to_frame_map: Floats, size: int) -> NDArray[np.uint8]:
    """One crop, bilinear; beyond the frame its border pixels go on, as in mediapipe's ImageToTensorCalculator.

    Args:
        rgb: (H, W, 3) uint8, RGB.
        to_frame_map: (2, 3) float32, from `to_frame`.
        size: edge of the crop, pixels.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(rgb, to_frame_map, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)
