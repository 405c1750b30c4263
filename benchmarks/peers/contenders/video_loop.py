"""The loop that a user of a detector writes: OpenCV reads frames, they are covered, ffmpeg encodes them.

For libraries that have no video writer, or one that cannot be set to x264. Needs cv2 and imageio_ffmpeg.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np

# Boxes of every frame so far: coverage is told from them where what covers has no colour of its own.
_covered: list[Any] = []
Frame = np.ndarray[Any, np.dtype[np.uint8]]


def ffmpeg_arguments(settings: dict[str, Any]) -> list[str]:
    """Of the encoder that all rows share."""
    return ["-preset", settings["preset"], "-crf", str(settings["crf"])]


def run(cover: Callable[[Frame], Frame]) -> None:
    """``SOURCE TARGET SETTINGS``: works through the video, then says how long that took, as JSON.

    Args:
        cover: takes an (H, W, 3) uint8 frame, BGR, and returns what is to be encoded; may write into its argument.
    """
    source, target, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    begun = time.perf_counter()
    reading = cv2.VideoCapture(source)
    size = int(reading.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reading.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writing = imageio_ffmpeg.write_frames(
        target,
        size,
        pix_fmt_in="bgr24",
        fps=reading.get(cv2.CAP_PROP_FPS),
        codec="libx264",
        quality=None,
        macro_block_size=1,
        output_params=ffmpeg_arguments(settings),
        audio_path=source if settings["audio"] else None,
        audio_codec="copy" if settings["audio"] else None,
    )
    writing.send(None)
    while True:
        there, frame = reading.read()
        if not there:
            break
        writing.send(np.ascontiguousarray(cover(frame)))
    writing.close()
    reading.release()
    answer(time.perf_counter() - begun)


def answer(seconds: float) -> None:
    """What every contender's last line says: the time from opening the source to closing the target.

    What `grown` noted is written beside the target first.
    """
    if _covered:
        Path(sys.argv[2]).with_suffix(".boxes.json").write_text(json.dumps(_covered), encoding="utf-8")
    print(json.dumps({"seconds": seconds}), flush=True)


def solid(frame: Frame, boxes: Any) -> Frame:
    """Black boxes, in place; boxes are (N, 4) xyxy pixels."""
    height, width = frame.shape[:2]
    for x0, y0, x1, y1 in np.round(boxes).astype(int):
        frame[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)] = 0
    return frame


def grown(boxes: Any, by: float) -> Any:
    """Boxes with `by` of their sides added on each side, (N, 4) xyxy; noted as what this frame has covered."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    result = np.concatenate([boxes[:, :2] - by * sides, boxes[:, 2:4] + by * sides], axis=1)
    _covered.append(result.tolist())
    return result
