"""The face mesh: 468 points of each face. Child side only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facegate.vision.batch import CropNetwork
from facegate.vision.roi import Floats, Squares, apply, around_faces, around_meshes, to_frame

POINTS = 468


class Mesher:
    """MediaPipe's Face Mesh network, fed as mediapipe 0.10.21 feeds it. Single-threaded."""

    def __init__(self) -> None:
        self._network = CropNetwork("face_landmark")

    def mesh(
        self, rgb: NDArray[np.uint8], boxes: Floats, keypoints: Floats, *, looks: int = 1
    ) -> tuple[Floats, Floats]:
        """Mesh the faces in one batch.

        One look is mediapipe's answer to a single picture, static_image_mode, for the same boxes. That answer hangs on
        the detector's idea of a face's size and tilt: over turned and shrunk copies of a portrait mediapipe's
        points scatter by 2.6 and 1.3 % of the distance between the eyes (two portraits, 21 copies of each). A second
        look, from where the first saw the face, as mediapipe looks at the next frame of a video, brings ours to 1.4
        and 1.3 %; after the fourth, the points are those on which mediapipe settles when it is shown the same picture
        over and over (mean difference 0.6 %).

        Args:
            rgb: (H, W, 3) uint8, RGB.
            boxes: (N, 4) float32, xyxy, pixels of the frame, from the detector.
            keypoints: (N, 6, 2) float32, x, y, pixels of the frame, from the detector.
            looks: at least 1; each takes as long as the first.

        Returns:
            landmarks (N, 468, 3) float32: x and y in pixels of the frame, z in the same unit, 0 at about the head's
            centre and smaller towards the camera; and presence (N,) float32, 0 to 1: how sure the network is that
            the crop shows a face at all.
        """
        if not len(boxes):
            return np.empty((0, POINTS, 3), np.float32), np.empty(0, np.float32)
        landmarks, presence = self._look(rgb, around_faces(boxes, keypoints))
        for _ in range(looks - 1):
            landmarks, presence = self._look(rgb, around_meshes(landmarks))
        return landmarks, presence

    def _look(self, rgb: NDArray[np.uint8], squares: Squares) -> tuple[Floats, Floats]:
        maps = to_frame(squares, self._network.size)
        points, flag = self._network(rgb, maps, "conv2d_21", "conv2d_31")
        return apply(maps, points.reshape(-1, POINTS, 3)), _sigmoid(flag[:, 0])


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
