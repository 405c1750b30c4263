"""Irises: five points for each eye, which make 478 points of the mesh's 468. Child side only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facegate.vision.batch import CropNetwork
from facegate.vision.roi import Floats, apply, around_segments, to_frame

POINTS = 5
# Corners of the person's right and left eye in the mesh, each from left to right in the picture, and the square around
# them: SplitNormalizedLandmarkListCalculator and RectTransformationCalculator of mediapipe's iris_landmark module.
CORNERS = np.array([[33, 133], [362, 263]])
SCALE = 2.3
# The network knows one eye only, the person's right one; the other is shown to it in the mirror.
MIRRORED = np.array([False, True])
# Its five points are centre, right, top, left, bottom as it sees them. mediapipe's 478 points have them as the picture
# shows them, so the mirror's right and left change places.
ORDER = np.array([[0, 1, 2, 3, 4], [0, 3, 2, 1, 4]])
# Lids of either eye: mediapipe gives an iris their mean depth (tensors_to_face_landmarks_with_attention.pbtxt).
LIDS = np.array(
    [
        [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173],
        [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398],
    ]
)


class IrisFinder:
    """MediaPipe's Iris network. Single-threaded."""

    def __init__(self) -> None:
        self._network = CropNetwork("iris_landmark", batch=2)

    def add(self, rgb: NDArray[np.uint8], mesh: Floats) -> Floats:
        """The mesh with the irises, both eyes of all faces in one batch.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            mesh: (N, 468, 3) float32, pixels of the frame.

        Returns:
            (N, 478, 3) float32, pixels of the frame: the mesh as it was; 468 to 472 are the person's right iris,
            473 to 477 the left one; each has its centre and its edge at the right, top, left and bottom of the
            upright picture. z is the mean of the eye's lids.
        """
        count = len(mesh)
        landmarks = np.empty((count, mesh.shape[1] + 2 * POINTS, 3), np.float32)
        landmarks[:, : mesh.shape[1]] = mesh
        if not count:
            return landmarks
        corners = mesh[:, CORNERS, :2].reshape(-1, 2, 2)
        squares = around_segments(corners[:, 0], corners[:, 1], SCALE)
        maps = to_frame(squares, self._network.size, np.tile(MIRRORED, count))
        (points,) = self._network(rgb, maps, "output_iris")
        irises = landmarks[:, mesh.shape[1] :].reshape(count, 2, POINTS, 3)
        found = apply(maps, points.reshape(-1, POINTS, 3)[..., :2]).reshape(count, 2, POINTS, 2)
        irises[..., :2] = found[:, [[0], [1]], ORDER]
        irises[..., 2] = mesh[:, LIDS, 2].mean(axis=2)[..., None]
        return landmarks
