"""How many known faces the everyone-scan finds, how many boxes are false, how long it takes.

Run from the repository's root: ``python -m benchmarks.detection_recall [repeats]``. A face is found when a box has an
IoU of at least 0.4 with its known one; a box is false when no known face has 0.1 with it.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from statistics import median

import cv2
import numpy as np

from facegate.vision import boxes as bx
from facegate.vision.detect import Detector
from fixtures import portrait, scenes
from fixtures.backgrounds import WITHOUT_PEOPLE, picture
from fixtures.collection import scene
from fixtures.recall import ANGLES, SIZES, samples
from fixtures.strangers import strangers


def recall(detector: Detector, repeats: int) -> None:
    """Print recall by size and angle, and what was missed."""
    found: dict[tuple[int, int], list[bool]] = defaultdict(list)
    by_gain: dict[float, list[bool]] = defaultdict(list)
    overlap: dict[int, list[float]] = defaultdict(list)
    false, pixels, missed = 0, 0, []
    for sample in samples(repeats=repeats):
        truth, boxes = sample.scene.boxes, detector.detect(sample.scene.rgb).boxes
        shared = np.column_stack([bx.iou(truth, boxes), np.zeros(len(truth))])
        best = shared.max(axis=1)
        found[sample.size, sample.angle] += (best >= 0.4).tolist()
        by_gain[sample.gain] += (best >= 0.4).tolist()
        overlap[sample.size] += best.tolist()
        false += int((shared[:, :-1].max(axis=0) < 0.1).sum())
        pixels += sample.scene.rgb.shape[0] * sample.scene.rgb.shape[1]
        missed += [f"{sample.scene.name} gain {sample.gain}"] * int((best < 0.4).sum())
    print(f"faces: {sum(map(len, found.values()))}; found by size (rows, px) and angle (columns, degrees):")
    print("  size " + "".join(f"{angle:>8}" for angle in ANGLES) + "   median IoU")
    for size in SIZES:
        row = "".join(f"{np.mean(found[size, angle]):8.3f}" for angle in ANGLES)
        print(f"{size:>6} {row}   {median(overlap[size]):.2f}")
    print("by brightness: " + ", ".join(f"{gain}: {np.mean(hits):.3f}" for gain, hits in sorted(by_gain.items())))
    print(f"false boxes around faces: {false} in {pixels / 1e6:.0f} megapixels; missed: {missed or 'none'}")


def false_faces(detector: Detector) -> None:
    """Print what is found where nobody is: the pictures as they are, then scaled and turned."""
    for title, zooms, turns in (("as they are", (1.0,), (0,)), ("scaled, turned", (0.5, 1.0, 1.6), (0, 1, 2))):
        pixels, names = 0, []
        for name in WITHOUT_PEOPLE:
            for zoom in zooms:
                for turn in turns:
                    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
                    rgb = np.rot90(cv2.resize(picture(name), None, fx=zoom, fy=zoom, interpolation=way), turn)
                    faces = detector.detect(np.ascontiguousarray(rgb, np.uint8))
                    pixels += rgb.shape[0] * rgb.shape[1]
                    names += [f"{name} ({score:.2f})" for score in faces.confidence]
        rate = len(names) / pixels * 1e6
        print(f"without people, {title}: {len(names)} false, {rate:.3f} a megapixel: {', '.join(names) or 'none'}")


def others(detector: Detector) -> None:
    """Print how many of the blurred faces of lfw_subset are found, and how many of its other pictures."""
    for side in (30, 56, 84):
        hits = [(len(detector.detect(rgb).boxes) > 0, is_face) for rgb, is_face in strangers(side)]
        faces = sum(hit for hit, is_face in hits if is_face)
        print(f"lfw_subset at {side} px: {faces} of 100 faces, {sum(hit for hit, _ in hits) - faces} of 100 others")


def timings(detector: Detector) -> None:
    """Print the median and best times of some sizes, one thread."""
    for title, rgb, scan in (
        ("512x512 portrait, large", portrait("astronaut"), "large"),
        ("512x512 portrait, everyone", portrait("astronaut"), "everyone"),
        ("1280x720, five faces, everyone", scene("five").rgb, "everyone"),
        ("4000x3000, three faces, everyone", scene("megapixels_12").rgb, "everyone"),
    ):
        times = []
        for _ in range(5 if rgb.size > 1 << 24 else 25):
            start = time.perf_counter()
            detector.detect(rgb, scan=scan)  # type: ignore[arg-type]
            times.append(1e3 * (time.perf_counter() - start))
        print(f"{title}: median {median(times):.1f} ms, best {min(times):.1f} ms")


def collection(detector: Detector) -> None:
    """Print the shared scenes that are not detected exactly as known."""
    for one in scenes():
        boxes = detector.detect(one.rgb).boxes
        shared = np.column_stack([bx.iou(one.boxes, boxes), np.zeros(len(one.boxes))])
        if shared.max(axis=1).min() < 0.4 or len(boxes) != len(one.boxes):
            print(f"scene {one.name}: {len(boxes)} boxes, IoU {shared.max(axis=1).round(2).tolist()}")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    shared_detector = Detector()
    timings(shared_detector)
    collection(shared_detector)
    false_faces(shared_detector)
    others(shared_detector)
    recall(shared_detector, int(sys.argv[1]) if len(sys.argv) > 1 else 10)
