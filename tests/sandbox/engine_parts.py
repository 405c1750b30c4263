"""The real zygote around the parts of the engine mediapipe: ``engine_parts.py FOLDER BUNDLE FD MEMORY CPU ...``.

FOLDER has mediapipe. A command asks one part, and gets all of its answer, of which a request would show less.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from facegate.engine import Engine
from facegate.sandbox import namespace, zygote
from facegate.vision.engines.choose import workbench


class PartsBench:
    """`facegate.sandbox.executor.Workbench`: what FaceDetector sees, what FaceLandmarker makes of a box."""

    def __init__(self, bundle: str) -> None:
        self._bench = workbench(Engine("mediapipe", bundle))

    def models(self) -> dict[str, str]:
        """Those of the engine."""
        return self._bench.models()

    def warm(self) -> None:
        """As the engine does."""
        self._bench.warm()

    def begin(self, arena: memoryview) -> None:
        """The arena is not used."""

    def perform(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        """Carry out "glance" or "mesh"."""
        height, width = command["shape"]
        rgb = np.frombuffer(regions[0], np.uint8, count=height * width * 3).reshape(height, width, 3)
        if command["do"] == "glance":
            seen = self._bench.detector.glance(rgb)
            parts = {"boxes": seen.boxes, "confidence": seen.confidence, "keypoints": seen.keypoints}
            return {name: values.tolist() for name, values in parts.items()}
        boxes = np.array([command["box"]], np.float32)
        found = self._bench.landmarker.analyze(rgb, boxes, np.zeros((1, 6, 2), np.float32))
        return {"points": found.landmarks.shape[1]}


if __name__ == "__main__":
    folder, bundle, *arguments = sys.argv[1:]
    sys.path.append(folder)

    def make() -> PartsBench:
        namespace.leave_network()
        return PartsBench(bundle)

    zygote.start(arguments, make)
