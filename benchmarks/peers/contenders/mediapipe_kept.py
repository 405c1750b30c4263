"""mediapipe's FaceMesh as people use it: results in an array, then dropped. Arguments: photo, tell or wait."""

import gc
import os
import sys

import cv2
import mediapipe
import numpy as np

answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)


def look(path: str) -> np.ndarray:
    """Landmarks of the one face, (478, 3) float32, in pixels."""
    picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        found = mesh.process(picture).multi_face_landmarks[0]
    height, width = picture.shape[:2]
    return np.array([(p.x * width, p.y * height, p.z * width) for p in found.landmark], np.float32)


landmarks = look(sys.argv[1])
if sys.argv[2] == "tell":
    answers.write(landmarks.tobytes())
    answers.flush()
    sys.exit()
answers.write(b"using\n")
answers.flush()
sys.stdin.readline()
del landmarks
gc.collect()
answers.write(b"done\n")
answers.flush()
sys.stdin.readline()
