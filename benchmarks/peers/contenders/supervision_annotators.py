"""supervision's annotators on a 1920x1080 frame. Arguments: annotator, way, the boxes' coordinates.

The way is ``bgr``; or ``opencv`` or ``pyav``, which convert a frame that comes as yuv420p and goes back as that.
"""

from __future__ import annotations

import json
import os
import sys
import time

import av
import cv2
import numpy as np
import supervision as sv

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
cv2.setNumThreads(1)
annotator = getattr(sv, sys.argv[1])()
boxes = np.array([int(each) for each in sys.argv[3:]], np.float32).reshape(-1, 4)
detections = sv.Detections(xyxy=boxes)
bgr = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
yuv = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")


def run() -> float:
    """Milliseconds of one frame."""
    begun = time.perf_counter()
    if sys.argv[2] == "opencv":
        scene = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)
        cv2.cvtColor(annotator.annotate(scene, detections), cv2.COLOR_BGR2YUV_I420)
    elif sys.argv[2] == "pyav":
        scene = annotator.annotate(frame.to_ndarray(format="bgr24"), detections)
        av.VideoFrame.from_ndarray(scene, format="bgr24").reformat(format="yuv420p")
    else:
        annotator.annotate(bgr, detections)
    return (time.perf_counter() - begun) * 1e3


print("ready", file=answers, flush=True)
for line in sys.stdin:
    print(json.dumps([run() for _ in range(int(line))]), file=answers, flush=True)
