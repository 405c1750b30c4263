"""What the tests of mesh, irises, pose and embedding share: known faces with mediapipe's own detections."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegate.vision.landmarks import Landmarker, Landmarks
from tests.golden.variants import variants

GOLDEN = Path(__file__).parents[2] / "golden" / "facemesh_0_10_21.npz"


@dataclass(frozen=True)
class Seen:
    """One face, and what mediapipe's face detection says about it."""

    rgb: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    keypoints: NDArray[np.float32]


@functools.cache
def seen() -> dict[str, Seen]:
    """By the name of the variant, e.g. ``"hopper/turned+30/2"``."""
    with np.load(GOLDEN, allow_pickle=False) as golden:
        return {
            name: Seen(rgb, *(golden[f"{name}|{part}".replace("/", "|")] for part in ("boxes", "keypoints")))
            for name, rgb in variants()
        }


@functools.cache
def landmarker() -> Landmarker:
    """One for all tests."""
    return Landmarker()


@functools.cache
def analyzed(name: str, looks: int = 1) -> Landmarks:
    """Of one variant."""
    face = seen()[name]
    return landmarker().analyze(face.rgb, face.boxes, face.keypoints, looks=looks)


def crowd(count: int) -> Seen:
    """`count` faces in one picture, for batches: the astronaut in columns, each lower and in a larger box."""
    one = seen()["astronaut/upright/2"]
    height, width = one.rgb.shape[:2]
    rgb = np.zeros((height + count * 3, width * count, 3), np.uint8)
    boxes, keypoints = np.empty((count, 4), np.float32), np.empty((count, 6, 2), np.float32)
    for at in range(count):
        x, y = at * width, at * 3
        rgb[y : y + height, x : x + width] = one.rgb
        grow = np.array([-at, -at, at, at], np.float32) / 2
        boxes[at] = one.boxes[0] + [x, y, x, y] + grow
        keypoints[at] = one.keypoints[0] + [x, y]
    return Seen(rgb, boxes, keypoints)
