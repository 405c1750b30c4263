"""mediapipe's FaceLandmarker with the user's bundle: the mesh and the blendshapes of the subject. Child side only."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.vision.engines.bundle import POINTS, SHAPES, Bundle
from facegate.vision.engines.mediapipe_detector import image_of
from facegate.vision.landmarks import Landmarks
from facegate.vision.roi import Floats
from facegate.vision.subject import index_of_same

# Sides of the square that FaceLandmarker is shown, in sides of the subject's box. The mesh looks at 1.5 of them, turned
# by up to 45 degrees: 2.1. The second, tighter, is for a subject beside whom somebody else is seen better.
_SQUARES: Final = (2.5, 1.6)


class MediapipeLandmarker:
    """Meshes the subject, and only the subject.

    FaceLandmarker finds its faces by itself. It is shown no more than a square around the subject and asked for one
    face, and what it gives is taken only if it lies where the subject is.

    Args:
        mediapipe: loaded by `facegate.vision.engines.mediapipe_bench.load`.
        bundle: checked.
    """

    def __init__(self, mediapipe: Any, bundle: Bundle) -> None:
        self._mediapipe, self._bundle = mediapipe, bundle
        self._theirs: Any = None

    def analyze(self, rgb: NDArray[np.uint8], boxes: Floats, keypoints: Floats, *, looks: int = 1) -> Landmarks:
        """The geometry of the faces; see `facegate.vision.landmarks.Landmarker.analyze`.

        Raises:
            Refusal: it sees no face where one of them is.
        """
        del keypoints, looks  # its own detector settles where it looks
        each = [self._one(rgb, box) for box in boxes]
        landmarks = np.array([mesh for mesh, _ in each], np.float32).reshape(-1, POINTS, 3)
        shapes = np.array([shape for _, shape in each if shape is not None], np.float32)
        presence = np.ones(len(landmarks), np.float32)  # it shows no face of which it is not sure
        return Landmarks.of(landmarks, presence, shapes if self._bundle.has_blendshapes else None)

    def _one(self, rgb: NDArray[np.uint8], box: Floats) -> tuple[Floats, Floats | None]:
        for sides in _SQUARES:
            left, top, right, bottom = _square(box, sides, *rgb.shape[:2])
            if right <= left or bottom <= top:
                break
            found = self._landmarker().detect(image_of(self._mediapipe, rgb[top:bottom, left:right]))
            for index, points in enumerate(found.face_landmarks):
                mesh = np.array([(point.x, point.y, point.z) for point in points], np.float32)
                if mesh.shape != (POINTS, 3) or not np.isfinite(mesh).all():
                    continue
                # In shares of the square's width and height; z "uses roughly the same scale as x".
                width, height = right - left, bottom - top
                mesh = mesh * np.array([width, height, width], np.float32) + np.array([left, top, 0], np.float32)
                around = np.concatenate([mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)])[None]
                if len(index_of_same(around, box)):
                    return mesh, self._shapes(found, index)
        raise Refusal("subject.mesh")

    def _shapes(self, found: Any, index: int) -> Floats | None:
        if not self._bundle.has_blendshapes:
            return None
        shapes = np.full(SHAPES, np.nan, np.float32)
        for category in found.face_blendshapes[index]:
            shapes[category.index] = category.score
        if not np.isfinite(shapes).all():
            raise Refusal("subject.mesh")
        return shapes

    def _landmarker(self) -> Any:
        if self._theirs is None:
            tasks = self._mediapipe.tasks
            base = tasks.BaseOptions(model_asset_buffer=self._bundle.data)
            options = tasks.vision.FaceLandmarkerOptions(
                base_options=base, num_faces=1, output_face_blendshapes=self._bundle.has_blendshapes
            )
            self._theirs = tasks.vision.FaceLandmarker.create_from_options(options)
        return self._theirs


def _square(box: Floats, sides: float, height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the square around a box, as much of it as is in the picture."""
    centre = (box[:2] + box[2:]) / 2
    half = float((box[2:] - box[:2]).max()) * sides / 2
    low, high = np.floor(centre - half), np.ceil(centre + half)
    left, top = (int(max(0, value)) for value in low)
    return left, top, int(min(width, high[0])), int(min(height, high[1]))
