"""The face mesh: 468 points of each face. Child side only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facegate.vision.batch import CropNetwork
from facegate.vision.roi import Floats, apply, around_faces, to_frame

POINTS = 468


class Mesher:
    """MediaPipe's Face Mesh network, fed as mediapipe 0.10.21 feeds it. Single-threaded."""

    def __init__(self) -> None:
        self._network = CropNetwork("face_landmark")

    def mesh(self, rgb: NDArray[np.uint8], boxes: Floats, keypoints: Floats) -> tuple[Floats, Floats]:
        """Mesh the faces in one batch.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            boxes: (N, 4) float32, xyxy, pixels of the frame, from the detector.
            keypoints: (N, 6, 2) float32, x, y, pixels of the frame, from the detector.

        Returns:
            landmarks (N, 468, 3) float32: x and y in pixels of the frame, z in the same unit, 0 at about the head's
            centre and smaller towards the camera; and presence (N,) float32, 0 to 1: how sure the network is that
            the crop shows a face at all.
        """
        if not len(boxes):
            return np.empty((0, POINTS, 3), np.float32), np.empty(0, np.float32)
        maps = to_frame(around_faces(boxes, keypoints), self._network.size)
        points, flag = self._network(rgb, maps, "conv2d_21", "conv2d_31")
        return apply(maps, points.reshape(-1, POINTS, 3)), _sigmoid(flag[:, 0])


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
