"""The usual numpy and OpenCV recipe of mask and paste-back, written out: ``SCRIPT SCENE TASK SIZE``; see `contender`.

Over the whole picture: fill the outline, blur the mask by a Gaussian, warp the crop, blend in floating point. As the
tutorials of face swapping have it, and facexlib's pasting in spirit. The matrix and the outline are given.
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
from contender import serve
from sixteen_faces import load

cv2.setNumThreads(1)
scene, task, size = load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rgb, crop, matrix = scene["rgb"], scene["crop"], scene["matrix"]
outline = np.rint(scene["landmarks"][scene["oval"], :2]).astype(np.int32)
height, width = rgb.shape[:2]
# As wide a soft edge as the other side's.
kernel = int(np.ptp(outline, axis=0).max() * 0.1) | 1


def matched(over: np.ndarray, under: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean and spread in L*a*b*, of what the mask has."""
    inside = mask > 0.5
    lab, target = (cv2.cvtColor(each, cv2.COLOR_RGB2LAB).astype(np.float32) for each in (over, under))
    for channel in range(3):
        mine, theirs = lab[..., channel], target[..., channel][inside]
        lab[..., channel] = (mine - mine[inside].mean()) / (mine[inside].std() + 1e-6) * theirs.std() + theirs.mean()
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def run(_: bytes) -> int:
    """Once."""
    mask = np.zeros((height, width), np.float32)
    cv2.fillPoly(mask, [outline], 1.0, cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (kernel, kernel), 0)
    warped = cv2.warpAffine(crop, cv2.invertAffineTransform(matrix), (width, height))
    if task == "colour":
        warped = matched(warped, rgb, mask)
    share = mask[..., None]
    out = (share * warped + (1 - share) * rgb).astype(np.uint8)
    return len(out)


serve(run, expect=height, clock=time.process_time)
