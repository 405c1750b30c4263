"""facegate's kernels on the planes of a YUV 4:2:0 frame: ``SCRIPT FRAME STYLE SIZES SHAPE [FORMAT]``; see `contender`.

Two ceilings too: STYLE "fill" writes a constant into the same windows of the same planes, "copy" copies into them.
"""

from __future__ import annotations

import sys

import av
import cv2
import numpy as np
from contender import serve
from sixteen import HEIGHT, WIDTH, boxes

from facegate.redact.planes import redact_frame

cv2.setNumThreads(1)
# As after the first decoded frames: glibc keeps such memory from now on, and no later array is new pages.
np.ones(32 << 20, np.uint8)
yuv = np.fromfile(sys.argv[1], np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
style, sizes, shape, pixel_format = (*sys.argv[2:], "yuv420p")[:4]
frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p").reformat(format=pixel_format)
found = boxes(sizes)
windows = []
for scale, plane in zip((1, 2, 2), frame.planes, strict=False):
    samples = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    for x0, y0, x1, y1 in (found / scale).astype(int):
        window = samples[y0 : y1 + 1, x0 : x1 + 1]
        windows.append((window, window.copy()))


def run(_: bytes) -> int:
    """Redact once; the number of faces."""
    if style == "fill":
        for window, _ in windows:
            window[...] = 126
    elif style == "copy":
        for window, copy in windows:
            np.copyto(window, copy)
    else:
        redact_frame(frame, found, style=style, shape=shape)
    return len(found)


serve(run, expect=16)
