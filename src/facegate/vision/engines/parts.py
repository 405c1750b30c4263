"""What a workbench wants of whoever finds faces and of whoever meshes them, facegate's own or not. Child side only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from facegate.vision.roi import Floats

if TYPE_CHECKING:
    from facegate.vision.detect import Detections
    from facegate.vision.landmarks import Landmarks


class FaceFinder(Protocol):
    """`facegate.vision.detect.Detector` is the one that facegate ships."""

    def detect(self, rgb: NDArray[np.uint8], *, scan: Literal["everyone", "large"] = "everyone") -> Detections:
        """The faces of one picture, largest first; see `facegate.vision.detect.Detector.detect`."""

    def glance(self, rgb: NDArray[np.uint8]) -> Detections:
        """One look at the whole picture, as mediapipe's FaceMesh takes it; it may show nobody."""


class FaceMesher(Protocol):
    """`facegate.vision.landmarks.Landmarker` is the one that facegate ships."""

    def analyze(self, rgb: NDArray[np.uint8], boxes: Floats, keypoints: Floats, *, looks: int = 1) -> Landmarks:
        """The geometry of the faces given, and of nobody else; see `facegate.vision.landmarks.Landmarker.analyze`."""
