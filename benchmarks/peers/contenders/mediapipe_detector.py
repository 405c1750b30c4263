"""mediapipe 1.x: JPEG bytes -> face boxes, inline, with the same short-range model. See `contender`."""

from __future__ import annotations

import sys

import cv2
import mediapipe as mp
import numpy as np
from contender import serve
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions

detector = vision.FaceDetector.create_from_options(
    vision.FaceDetectorOptions(base_options=BaseOptions(model_asset_path=sys.argv[2]), min_detection_confidence=0.5)
)


def run(data: bytes) -> int:
    """Decode and detect once; the number of faces."""
    rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return len(detector.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)).detections)


serve(run, expect=1)
