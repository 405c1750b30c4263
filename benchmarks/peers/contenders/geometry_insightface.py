"""insightface's own alignment in a loop: ``SCRIPT SCENE TASK SIZE``. Its own environment; see `contender`."""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
from contender import serve
from insightface.utils.face_align import estimate_norm, norm_crop
from sixteen_faces import CROPS, load

cv2.setNumThreads(1)
scene, task, size = load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
bgr = np.ascontiguousarray(scene["rgb"][..., ::-1])
five = scene["five_points"]


def arcface(_: bytes) -> int:
    """Sixteen times `norm_crop`."""
    return len([norm_crop(bgr, each, size) for each in five])


def matrices(_: bytes) -> int:
    """Sixteen times what `norm_crop` begins with."""
    return len([estimate_norm(each, size) for each in five])


serve({"arcface": arcface, "matrices": matrices}[task], expect=CROPS, clock=time.process_time)
