"""mediapipe's FaceDetector on every frame, in video mode, boxes covered in black. Arguments as of `video_loop`."""

from __future__ import annotations

import json
import sys
from itertools import count

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions
from video_loop import Frame, grown, run, solid

settings = json.loads(sys.argv[3])
detector = vision.FaceDetector.create_from_options(
    vision.FaceDetectorOptions(
        base_options=BaseOptions(model_asset_path=settings["model"]), running_mode=vision.RunningMode.VIDEO
    )
)
milliseconds = count(step=33)


def cover(frame: Frame) -> Frame:
    """Detect and cover one frame."""
    picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    found = [each.bounding_box for each in detector.detect_for_video(picture, next(milliseconds)).detections]
    boxes = [(box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height) for box in found]
    return solid(frame, grown(np.array(boxes, np.float32).reshape(-1, 4), settings["grow"]))


run(cover)
