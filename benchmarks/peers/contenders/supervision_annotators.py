"""supervision's annotators on 16 boxes: ``SCRIPT FRAME STYLE SIZES CONVERSION``. Its own environment; see `contender`.

CONVERSION is what lies between the decoder's YUV 4:2:0 and the BGR that the annotators need: none, PyAV or OpenCV.
"""

from __future__ import annotations

import sys

import av
import cv2
import numpy as np
import supervision as sv
from contender import serve
from sixteen import HEIGHT, WIDTH, boxes

cv2.setNumThreads(1)
# As after the first decoded frames: glibc keeps such memory from now on, and no later array is new pages.
np.ones(32 << 20, np.uint8)
yuv = np.fromfile(sys.argv[1], np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
style, sizes, conversion = sys.argv[2:5]
found = boxes(sizes)
faces = sv.Detections(xyxy=found, class_id=np.zeros(len(found), int))
annotator = {
    "solid": lambda: sv.ColorAnnotator(sv.Color(128, 128, 128), opacity=1.0),
    "pixelate": sv.PixelateAnnotator,
    "blur": sv.BlurAnnotator,
}[style]()
frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
scene = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)


def run(_: bytes) -> int:
    """Redact once; the number of faces."""
    if conversion == "PyAV":
        bgr = annotator.annotate(frame.to_ndarray(format="bgr24"), faces)
        back = av.VideoFrame.from_ndarray(bgr, format="bgr24").reformat(format="yuv420p")
        assert back.width == WIDTH
    elif conversion == "OpenCV":
        bgr = annotator.annotate(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420), faces)
        assert cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).shape == yuv.shape
    else:
        annotator.annotate(scene, faces)
    return len(found)


serve(run, expect=16)
