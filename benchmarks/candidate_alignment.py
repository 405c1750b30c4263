"""How far the detector's points align a face from where the mesh's would: ``python -m benchmarks.candidate_alignment``.

Faces that are compared with a reference are aligned by what the detector saw, the subject by its mesh. Of each composed
scene's faces of 60 pixels and more: the mean distance between the five points in one crop and in the other.
"""

from __future__ import annotations

import numpy as np

from facegate.vision import align
from facegate.vision.detect import Detector
from facegate.vision.landmarks import Landmarker
from facegate.vision.subject import mesh_input
from fixtures.collection import scenes

SIDE = 112
LEAST = 60  # pixels of a face's box
SURE = 0.8  # of the mesh, that there is a face


def main() -> None:
    """Print the distances."""
    detector, landmarker = Detector(), Landmarker()
    five = align.arcface_template(SIDE)
    four = np.concatenate([five[:3], five[3:].mean(axis=0, keepdims=True)])
    apart = []
    for scene in scenes():
        faces = detector.detect(scene.rgb)
        for index in np.flatnonzero(faces.boxes[:, 2] - faces.boxes[:, 0] >= LEAST):
            seen = landmarker.analyze(scene.rgb, *mesh_input(detector, scene.rgb, faces, int(index)))
            if seen.presence[0] < SURE:
                continue
            (by_mesh,) = align.similarities(seen.five_points, five)
            (by_detector,) = align.similarities(faces.keypoints[[index], :4], four)
            one, other = (seen.five_points[0] @ each[:, :2].T + each[:, 2] for each in (by_mesh, by_detector))
            apart.append(np.linalg.norm(one - other, axis=1).mean())
    print(
        f"{len(apart)} faces, of {SIDE} pixels: mean {np.mean(apart):.1f}, 95 % {np.percentile(apart, 95):.1f}, "
        f"worst {np.max(apart):.1f}"
    )


if __name__ == "__main__":
    main()
