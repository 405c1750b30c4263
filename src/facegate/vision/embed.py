"""A face's geometry as one vector, free of where the face is, how large, and where it points."""

from __future__ import annotations

import numpy as np

from facegate.vision.mesh import POINTS
from facegate.vision.roi import Floats

LENGTH = 3 * POINTS


def embed(landmarks: Floats, rotations: Floats) -> Floats:
    """The geometry embedding.

    It links the frames of one request: the mesh of one person changes little from one frame to the next. **It is no
    identity recognizer**: it is the shape that a network sees, which expression changes as well, and most of it is what
    all faces have in common. The cosine of two people is above 0.99: compare distances, within one request.

    Args:
        landmarks: (N, 468 or 478, 3) float32, pixels; the irises are left out, since they follow the gaze.
        rotations: (N, 3, 3) float32, from `facegate.vision.pose.rotation` of the same landmarks.

    Returns:
        (N, 1404) float32, each of length 1: x, y, z of point 0, then of point 1, and so on.
    """
    mesh = landmarks[:, :POINTS]
    upright = (mesh - mesh.mean(axis=1, keepdims=True)) @ rotations  # rows times R: R transposed times columns
    vectors = upright.reshape(-1, LENGTH)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    # A mesh of one point only has no shape; no network puts one out, but a division by zero must not end a request.
    return np.asarray(vectors / np.maximum(norm, np.finfo(np.float32).tiny), np.float32)
