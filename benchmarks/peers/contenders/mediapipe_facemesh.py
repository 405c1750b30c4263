"""mediapipe 0.10.21: JPEG bytes -> 478 landmarks, inline. Runs in its own environment; see `contender`."""

from __future__ import annotations

import cv2
import mediapipe as mp
import numpy as np
from contender import serve

mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=1)


def run(data: bytes) -> int:
    """Decode and mesh once; the number of landmarks."""
    rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    found = mesh.process(rgb).multi_face_landmarks
    return len(found[0].landmark)


serve(run, expect=478)
