"""The face as one 4x4 matrix: where a model of a face, in centimetres, has to be put to lie over the picture's face."""

from __future__ import annotations

import numpy as np

from facegate.errors import ShapeError
from facegate.vision.pose import canonical_basis
from facegate.vision.roi import Floats

_INDICES, _WEIGHTS, _POINTS = canonical_basis()
_MEAN = (_POINTS * _WEIGHTS).sum(axis=0)
_CENTRED = _POINTS - _MEAN
_SPREAD = float((_CENTRED**2 * _WEIGHTS).sum())


def transform(landmarks: Floats, rotations: Floats) -> Floats:
    """The similarities from mediapipe's canonical face to the picture: the best fit of 33 points that hardly move.

    The canonical face is in centimetres, x to the person's left, y up, z towards the camera. The picture's axes are
    those of `landmarks`: x to the right, y down, in pixels; z away from the camera on the same scale, 0 at about the
    head's centre. So ``(matrix @ [x, y, z, 1])[:2]`` is the pixel where a point of the canonical face is seen.
    Perspective is not modelled, and no distance from the camera is claimed: mediapipe's own matrix, in centimetres from
    a camera that it assumes, is another one.

    Args:
        landmarks: (N, 468 or 478, 3) float32, pixels.
        rotations: (N, 3, 3) float32, from `facegate.vision.pose.rotation` of the same landmarks.

    Returns:
        (N, 4, 4) float32, to be multiplied by columns. The determinant is positive, and the cube root of that of the
        upper left 3x3 is the scale, in pixels for a centimetre.
    """
    if landmarks.ndim != 3 or landmarks.shape[1] not in {468, 478} or landmarks.shape[2] != 3:
        raise ShapeError(f"landmarks must be (N, 468 or 478, 3), got {landmarks.shape}.")
    # Sums in double precision: offsets are thousands of pixels, where the fit is to a hundredth.
    seen = landmarks[:, _INDICES].astype(np.float64)
    middle = (seen * _WEIGHTS).sum(axis=1)
    turned = _CENTRED @ rotations.transpose(0, 2, 1).astype(np.float64)
    scale = (turned * (seen - middle[:, None]) * _WEIGHTS).sum(axis=(1, 2)) / _SPREAD
    made = np.zeros((len(landmarks), 4, 4), np.float32)
    linear = rotations * scale[:, None, None]
    made[:, :3, 3] = middle - linear @ _MEAN
    # The rotation is between the picture's axes; the canonical face's y and z point the other way.
    made[:, :3, :3] = linear * [1, -1, -1]
    made[:, 3, 3] = 1
    return made
