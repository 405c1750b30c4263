"""facegate's look at a whole picture against mediapipe's FaceDetector with the same network, in a child.

``pytest -s`` says the figures. The pictures are those of the golden runs: two portraits, turned, mirrored, cut, shrunk.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facegate.sandbox.seccomp.install import supported
from facegate.vision.boxes import iou
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
    ours, differences, alike, pictures = Detector(), [], 0, 0
    with parts_of(bundle) as child:
        for name, rgb in variants():
            pictures += 1
            seen, theirs = ours.glance(rgb), ask(child, rgb, do="glance")
            boxes = np.array(theirs["boxes"], np.float32).reshape(-1, 4)
            if len(boxes) != len(seen.boxes):
                print(f"{name}: {len(seen.boxes)} faces, FaceDetector {len(boxes)}: {theirs['confidence']}")
                continue
            alike += 1
            for index, box in enumerate(boxes):
                mine = int(np.argmax(iou(seen.boxes, box[None])[:, 0]))
                points = np.array(theirs["keypoints"][index]) - seen.keypoints[mine]
                differences.append(
                    (
                        np.abs(seen.boxes[mine] - box).max(),
                        np.hypot(*points.T).max(),
                        abs(seen.confidence[mine] - theirs["confidence"][index]),
                        (box[2:] - box[:2]).max(),
                    )
                )
    box, point, score, side = np.array(differences).T
    print(
        f"{alike} of {pictures} pictures with as many faces; {len(side)} faces; "
        f"boxes max {box.max():.2f} px, median {np.median(box):.2f} px ({(box / side).max():.1%}, "
        f"{np.median(box / side):.1%} of the side); key points max {point.max():.2f} px, median {np.median(point):.2f} px "
        f"({(point / side).max():.1%}, {np.median(point / side):.1%}); score max {score.max():.3f}, "
        f"median {np.median(score):.3f}"
    )
    assert alike == pictures
