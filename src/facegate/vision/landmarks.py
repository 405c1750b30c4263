"""From a detection to all that facegate knows about a face. Child side only, and for the subject only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from facegate.vision.embed import embed
from facegate.vision.iris import IrisFinder
from facegate.vision.mesh import Mesher
from facegate.vision.points import points_68, points_106
from facegate.vision.pose import angles, five_points, rotation
from facegate.vision.roi import Floats
from facegate.vision.transform import transform


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The geometry of N faces. All float32; pixels are those of the frame. Lives in the child alone.

    Attributes:
        landmarks: (N, 478, 3), x, y, z in pixels: mediapipe's 468 points of the mesh, then the irises, the person's
            right one first.
        presence: (N,) 0 to 1: how sure the mesh is that there is a face.
        five_points: (N, 5, 2), x, y in pixels, as insightface orders them.
        pose: (N, 3) yaw, pitch, roll in degrees; see `facegate.vision.pose.angles`.
        rotation: (N, 3, 3) from the canonical face to this one; see `facegate.vision.pose.rotation`.
        embedding: (N, 1404) of length 1; see `facegate.vision.embed.embed`.
        points_68: (N, 68, 3), x, y, z in pixels, in iBUG's order; see `facegate.vision.points`.
        points_106: (N, 106, 2), x, y in pixels, in the order of insightface's 2d106det; see there.
        transform: (N, 4, 4) from the canonical face, in centimetres, to pixels; see `facegate.vision.transform`.
        blendshapes: (N, 52), 0 to 1, in mediapipe's order; None where the engine makes none.
    """

    landmarks: Floats
    presence: Floats
    five_points: Floats
    pose: Floats
    rotation: Floats
    embedding: Floats
    points_68: Floats
    points_106: Floats
    transform: Floats
    blendshapes: Floats | None = None

    @classmethod
    def of(cls, landmarks: Floats, presence: Floats, blendshapes: Floats | None = None) -> Self:
        """All that follows from landmarks (N, 478, 3), whoever found them."""
        turns = rotation(landmarks)
        return cls(
            landmarks=landmarks,
            presence=presence,
            five_points=five_points(landmarks),
            pose=angles(turns),
            rotation=turns,
            embedding=embed(landmarks, turns),
            points_68=points_68(landmarks),
            points_106=points_106(landmarks),
            transform=transform(landmarks, turns),
            blendshapes=blendshapes,
        )


class Landmarker:
    """The networks for mesh and irises, loaded and allocated once. Single-threaded; may be forked."""

    def __init__(self) -> None:
        self._mesher = Mesher()
        self._irises = IrisFinder()

    def analyze(self, rgb: NDArray[np.uint8], boxes: Floats, keypoints: Floats, *, looks: int = 1) -> Landmarks:
        """Analyze the faces given, and nobody else.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            boxes: (N, 4) float32, xyxy, pixels, from the detector.
            keypoints: (N, 6, 2) float32, x, y, pixels, from the detector.
            looks: see `facegate.vision.mesh.Mesher.mesh`: 1 for mediapipe's answer to a single picture, 2 for points
                that depend less on the boxes.
        """
        mesh, presence = self._mesher.mesh(rgb, boxes, keypoints, looks=looks)
        return Landmarks.of(self._irises.add(rgb, mesh), presence)
