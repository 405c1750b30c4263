"""Where a head points, and the five points that face models align by; for all faces at once.

Axes: x to the right of the picture, y down, z away from the camera. A head that looks straight into the camera has the
identity as its rotation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision.roi import Floats

# Points that stay put when a face talks or frowns: the basis that mediapipe's face geometry module aligns by, with its
# weights and its canonical face model, in centimetres with y up and z towards the camera (google-ai-edge/mediapipe,
# modules/face_geometry/data/geometry_pipeline_metadata_landmarks.pbtxt, Apache-2.0; the 0.10.21 wheel does not have
# it). The model is symmetric: a point's twin on the other side has -x and the same weight.
#   landmark, its twin (itself on the middle line), weight, x, y, z
_BASIS = np.array(
    [
        (4, 4, 0.070909939706326, 0.0, -0.463170, 7.586580),
        (6, 6, 0.032100144773722, 0.0, 2.473255, 5.788627),
        (10, 10, 0.008446550928056, 0.0, 8.261778, 4.481535),
        (33, 263, 0.058724168688059, -4.445859, 2.663991, 3.173422),
        (54, 284, 0.007667080033571, -6.279331, 6.615427, 1.425850),
        (67, 297, 0.009078059345484, -3.523964, 8.005976, 3.729163),
        (117, 346, 0.009791937656701, -5.258659, 0.945811, 2.974312),
        (119, 348, 0.014565368182957, -3.300681, 0.861641, 3.872784),
        (121, 350, 0.018591361120343, -1.820731, 1.467954, 4.224124),
        (127, 356, 0.005197994410992, -7.743095, 2.364999, -2.005167),
        (129, 358, 0.120625205338001, -1.785794, -0.978284, 4.850470),
        (132, 361, 0.005560018587857, -7.270895, -2.890917, -2.252455),
        (133, 362, 0.053286183625460, -1.856432, 2.585245, 3.757904),
        (136, 365, 0.066890455782413, -5.000589, -6.135128, 1.892523),
        (143, 372, 0.014816547743976, -6.407571, 2.236021, 1.560843),
        (147, 376, 0.014262833632529, -6.234883, -1.944430, 1.663542),
        (198, 420, 0.025462191551924, -1.246815, 0.230297, 5.681036),
        (205, 425, 0.047252278774977, -3.832928, -1.537326, 4.137731),
    ]
)


def canonical_basis() -> tuple[NDArray[np.intp], Floats, Floats]:
    """The basis, on the axes of this module: indices (33,), weights (33, 1) of sum 1, points (33, 3) in centimetres."""
    pairs = _BASIS[_BASIS[:, 0] != _BASIS[:, 1]]
    rows = np.concatenate([_BASIS, pairs[:, [1, 0, 2, 3, 4, 5]] * [1, 1, 1, -1, 1, 1]])
    return rows[:, 0].astype(np.intp), rows[:, 2:3] / rows[:, 2].sum(), rows[:, 3:] * [1, -1, -1]


def _canonical() -> tuple[NDArray[np.intp], Floats]:
    """Indices (33,) of the basis, and its points (33, 3), each times its weight, about their weighted mean."""
    indices, weight, points = canonical_basis()
    return indices, ((points - (points * weight).sum(axis=0)) * weight).astype(np.float32)


_INDICES, _WEIGHTED = _canonical()

# Order and meaning of insightface's five points: the person's right eye (left in the picture), left eye, tip of the
# nose, right and left corner of the mouth.
_IRIS_CENTRES = (468, 473)
_EYE_CORNERS = ((33, 133), (362, 263))
_NOSE_AND_MOUTH = (1, 61, 291)


def rotation(landmarks: Floats) -> Floats:
    """Rotations from the canonical face to the faces: the best fit in the weighted least squares sense (Kabsch).

    Perspective is not modelled: a face far from the optical axis seems turned by the angle under which it is seen.

    Args:
        landmarks: (N, 468 or more, 3) float32, x, y, z in one unit.

    Returns:
        (N, 3, 3) float32, proper rotations: ``face = scale * rotation @ canonical + offset``.
    """
    _check(landmarks)
    # The weighted points sum to 0, so the faces need not be centred.
    covariance = np.matmul(landmarks[:, _INDICES].transpose(0, 2, 1), _WEIGHTED, dtype=np.float64)
    left, _, right = np.linalg.svd(covariance)
    # A mesh that is flat or inside out must not come back as a reflection.
    left[:, :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
    return np.asarray(left @ right, np.float32)


def angles(rotations: Floats) -> Floats:
    """Yaw, pitch and roll of rotations.

    Args:
        rotations: (N, 3, 3) float32, from `rotation`.

    Returns:
        (N, 3) float32, degrees. Yaw is positive when the face turns to the right of the picture (its own left), pitch
        when it looks up, roll when the head is tilted clockwise as seen. The rotation is roll after yaw after pitch:
        ``Rz(roll) @ Ry(-yaw) @ Rx(-pitch)``.
    """
    yaw = np.arcsin(np.clip(rotations[:, 2, 0], -1, 1))
    pitch = np.arctan2(-rotations[:, 2, 1], rotations[:, 2, 2])
    roll = np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)), np.float32)


def five_points(landmarks: Floats) -> Floats:
    """The five points of ArcFace and insightface.

    Args:
        landmarks: (N, 468 or 478, 3) float32, pixels. With 478, the eyes are the centres of the irises, else the
            middles between the corners of the eyes.

    Returns:
        (N, 5, 2) float32, pixels: the person's right eye (left in an upright picture), left eye, tip of the nose,
        right and left corner of the mouth.
    """
    _check(landmarks)
    flat = landmarks[..., :2]
    has_irises = landmarks.shape[1] > max(_IRIS_CENTRES)
    eyes = flat[:, _IRIS_CENTRES] if has_irises else flat[:, _EYE_CORNERS].mean(axis=2)
    return np.concatenate([eyes, flat[:, _NOSE_AND_MOUTH]], axis=1)


def _check(landmarks: Floats) -> None:
    if landmarks.ndim != 3 or landmarks.shape[1] not in {468, 478} or landmarks.shape[2] != 3:
        raise ShapeError(f"landmarks must be (N, 468 or 478, 3), got {landmarks.shape}.")
