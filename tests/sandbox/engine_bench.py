"""mediapipe 1.x as an engine: a workbench around its FaceDetector.

What maps code or imports is done in the zygote, since a child can do neither; the detector itself, which starts
threads, is made in the child.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegate.vision.models import table, weights

MODEL = "face_detection_short_range"


class FaceDetectorBench:
    """`facegate.sandbox.executor.Workbench`: make the detector, find the faces of one picture, close it."""

    def __init__(self) -> None:
        import mediapipe
        from mediapipe.tasks.python import vision
        from mediapipe.tasks.python.core import base_options, mediapipe_c_bindings

        # What its detector would load first thing.
        mediapipe_c_bindings.load_raw_library()
        self._mediapipe, self._vision = mediapipe, vision
        # From memory: no path of a model is known to it.
        base = base_options.BaseOptions(model_asset_buffer=weights(MODEL))
        self._options = vision.FaceDetectorOptions(base_options=base)
        self._detector: Any = None

    def models(self) -> dict[str, str]:
        """The network, by name."""
        return {MODEL: table()[MODEL].sha256}

    def warm(self) -> None:
        """Nothing: a detector has threads, and with them the zygote could not fork."""

    def begin(self, arena: memoryview) -> None:
        """The arena is not used."""

    def perform(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        """Carry out one of "create", "detect" and "close"."""
        if command["do"] == "create":
            self._detector = self._vision.FaceDetector.create_from_options(self._options)
        elif command["do"] == "detect":
            height, width = command["shape"]
            rgb = np.frombuffer(regions[0], np.uint8, count=height * width * 3).reshape(height, width, 3)
            return {"faces": self._detect(rgb)}
        else:
            self._detector.close()
        return {}

    def _detect(self, rgb: NDArray[np.uint8]) -> list[list[float]]:
        """Left, top, right, bottom and score of each face."""
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb.copy())
        found = []
        for face in self._detector.detect(image).detections:
            box = face.bounding_box
            corner = [box.origin_x + box.width, box.origin_y + box.height]
            found.append([box.origin_x, box.origin_y, *corner, face.categories[0].score])
        return found
