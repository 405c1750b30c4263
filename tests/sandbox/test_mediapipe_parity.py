"""facegate's look at a whole picture against mediapipe's FaceDetector with the same network, in a child.

``pytest -s`` says the figures. The pictures are those of the golden runs: two portraits, turned, mirrored, cut, shrunk.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facegate.sandbox.seccomp.install import supported
from facegate.vision.detect import Detector
from fixtures.bundles import near_bundle
from fixtures.environments import without_mediapipe
from tests.golden.variants import variants
from tests.sandbox.parts import ask, parts_of


def test_boxes_points_and_scores_are_those_of_its_face_detector(tmp_path: Path) -> None:
    if (lacking := without_mediapipe()) is not None:
        pytest.skip(lacking)
    if (why := supported()) is not None:
        pytest.skip(f"seccomp, without which nothing is declined: {why}")
    bundle = tmp_path / "face_landmarker.task"
    bundle.write_bytes(near_bundle())
    ours, differences = Detector(), []
    with parts_of(bundle) as child:
        for name, rgb in variants():
            seen, theirs = ours.glance(rgb), ask(child, rgb, do="glance")
            boxes = np.array(theirs["boxes"], np.float32).reshape(-1, 4)
            assert len(boxes) == len(seen.boxes) == 1, name
            # A box that reaches beyond the picture at the top or left FaceDetector moves into it, without cutting it.
            box = seen.boxes[0] - np.tile(np.minimum(seen.boxes[0, :2], 0), 2)
            points = np.array(theirs["keypoints"][0]) - seen.keypoints[0]
            score = abs(seen.confidence[0] - theirs["confidence"][0])
            moved = bool((seen.boxes[0, :2] < 0).any())
            differences.append((np.abs(box - boxes[0]).max(), np.hypot(*points.T).max(), score, moved))
    box, point, score, moved = np.array(differences).T
    print(
        f"{len(box)} pictures, {moved.sum():.0f} boxes moved into the picture; boxes max {box.max():.2f} px, median "
        f"{np.median(box):.2f} px; key points max {point.max():.3f} px, median {np.median(point):.3f} px; score max "
        f"{score.max():.4f}, median {np.median(score):.5f}"
    )
    # It rounds a corner and a side down to whole pixels each, so that the other corner may be two pixels away.
    assert box.max() < 2
    assert point.max() < 0.5
    assert score.max() < 0.005
