"""mediapipe's FaceDetector with the network that facegate ships. Child side only."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facegate.vision import boxes as bx
from facegate.vision.blazeface import KEYPOINTS
from facegate.vision.detect import Detections, Detector
from facegate.vision.engines.checked import checked
from facegate.vision.models import weights
from facegate.vision.subject import SAME_FACE_IOU

_MODEL = "face_detection_short_range"


class MediapipeDetector:
    """Finds faces as mediapipe does, and everyone else as facegate does.

    FaceDetector looks at the whole picture in 128 by 128 pixels, and at that sees no small face. Where everyone must be
    found, for redaction, facegate's own scan adds whom it misses: with this engine nobody is covered less.

    Args:
        mediapipe: loaded by `facegate.vision.engines.mediapipe_bench.load`.
        ours: facegate's detector.
    """

    def __init__(self, mediapipe: Any, ours: Detector) -> None:
        self._mediapipe, self._ours = mediapipe, ours
        self._network = weights(_MODEL)
        self._theirs: Any = None

    def detect(self, rgb: NDArray[np.uint8], *, scan: Literal["everyone", "large"] = "everyone") -> Detections:
        """The faces of one picture, largest first.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            scan: ``"large"`` is mediapipe's one look, and everything only if that shows nobody.
        """
        seen = self.glance(rgb)
        if scan == "large" and len(seen.boxes):
            return seen
        everyone = self._ours.detect(rgb)
        if not len(seen.boxes):
            return everyone
        missed = bx.iou(everyone.boxes, seen.boxes).max(axis=1) < SAME_FACE_IOU
        boxes = np.concatenate([seen.boxes, everyone.boxes[missed]])
        confidence = np.concatenate([seen.confidence, everyone.confidence[missed]])
        points = np.concatenate([seen.keypoints, everyone.keypoints[missed]])
        order = np.argsort(-bx.area(boxes), kind="stable")
        return Detections(boxes[order], confidence[order], points[order])

    def glance(self, rgb: NDArray[np.uint8]) -> Detections:
        """What FaceDetector says. Its boxes are of whole pixels."""
        height, width = rgb.shape[:2]
        faces = self._detector().detect(image_of(self._mediapipe, rgb)).detections
        boxes = np.zeros((len(faces), 4), np.float32)
        confidence = np.zeros(len(faces), np.float32)
        keypoints = np.zeros((len(faces), KEYPOINTS, 2), np.float32)
        for index, face in enumerate(faces):
            at = face.bounding_box
            boxes[index] = at.origin_x, at.origin_y, at.origin_x + at.width, at.origin_y + at.height
            confidence[index] = face.categories[0].score
            keypoints[index] = [(point.x * width, point.y * height) for point in face.keypoints]
        return checked((boxes, confidence, keypoints), height, width)

    def _detector(self) -> Any:
        if self._theirs is None:
            tasks = self._mediapipe.tasks
            # From memory: no path of a model is known to it.
            base = tasks.BaseOptions(model_asset_buffer=self._network)
            options = tasks.vision.FaceDetectorOptions(base_options=base)
            self._theirs = tasks.vision.FaceDetector.create_from_options(options)
        return self._theirs


def image_of(mediapipe: Any, rgb: NDArray[np.uint8]) -> Any:
    """A picture as mediapipe takes one: of an array that is not contiguous it would read other pixels."""
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
