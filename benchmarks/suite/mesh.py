"""From boxes to 478 landmarks, pose and embedding, beside the mesh and iris networks bare."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.suite.bare import same_networks
from benchmarks.suite.pairs import Pair, Profile, timed
from facegate.vision.detect import Detector
from facegate.vision.landmarks import Landmarker
from fixtures.portraits import portrait


def pairs(profile: Profile) -> Iterator[Pair]:
    """One face, and four in one batch."""
    rgb = portrait("astronaut")
    found = Detector().detect(rgb, scan="large")
    for count in (1, 4):
        landmarker = Landmarker()
        boxes, points = np.repeat(found.boxes[:1], count, 0), np.repeat(found.keypoints[:1], count, 0)

        def analyze(landmarker: Landmarker = landmarker, boxes: object = boxes, points: object = points) -> None:
            landmarker.analyze(rgb, boxes, points)  # type: ignore[arg-type]

        ours = timed(f"Landmarker.analyze, {count} face{'s' * (count > 1)}", analyze)
        yield Pair(f"mesh.faces_{count}", ours, same_networks(analyze), profile.rounds, 20 // count)
