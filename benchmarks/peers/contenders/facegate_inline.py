"""facegate's own engines in one process, without isolation: what the child does, and nothing else."""

from __future__ import annotations

import sys

import cv2
from contender import serve

from facegate.policy import MediaLimits
from facegate.vision.decode import decode
from facegate.vision.detect import Detector
from facegate.vision.landmarks import Landmarker

cv2.setNumThreads(1)
detector, landmarker, limits = Detector(), Landmarker(), MediaLimits()
scan = sys.argv[2]


def run(data: bytes) -> int:
    """Decode, find, mesh once; the number of landmarks."""
    rgb = decode(data, limits).rgb
    faces = detector.detect(rgb, scan=scan)
    return len(landmarker.analyze(rgb, faces.boxes[:1], faces.keypoints[:1]).landmarks[0])


serve(run, expect=478)
