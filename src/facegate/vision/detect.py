"""Find faces: where they are and nothing more, of everyone in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision import boxes as bx
from facegate.vision import pyramid
from facegate.vision.blazeface import Candidates, decode, join, merge
from facegate.vision.convolutional import Network, convolutional, normalized
from facegate.vision.models import weights
from facegate.vision.second_look import SecondLook, without_nested

WHOLE = 128  # side of the network's own input, pixels
# TensorsToDetectionsCalculator of mediapipe's face_detection_short_range.pbtxt.
LARGE_MIN_SCORE = 0.5
# First looks may be generous: the second look decides.
EVERYONE_MIN_SCORE = 0.4


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of one picture, largest first. Lives in the child alone.

    Attributes:
        boxes: (N, 4) float32, xyxy, pixels of the frame: square, forehead to chin; may reach beyond the frame.
        confidence: (N,) float32, 0 to 1.
        keypoints: (N, 6, 2) float32, x, y, pixels: the person's right eye, left eye, nose tip, mouth centre, right
            ear, left ear.
    """

    boxes: NDArray[np.float32]
    confidence: NDArray[np.float32]
    keypoints: NDArray[np.float32]


class Detector:
    """BlazeFace at every scale. Single-threaded; all memory that a scan needs for the networks is taken here."""

    def __init__(self) -> None:
        model = convolutional(weights("face_detection_short_range"))
        self._networks = {side: Network(model, side, side) for side in pyramid.SIDES}
        self._second_look = SecondLook(self._networks[WHOLE])

    def detect(self, rgb: NDArray[np.uint8], *, scan: Literal["everyone", "large"] = "everyone") -> Detections:
        """Find the faces of one picture.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            scan: ``"everyone"`` finds faces from 24 px to the whole frame. ``"large"`` looks once at the whole frame,
                as mediapipe's FaceMesh does, and at everything only if that shows nobody.

        Raises:
            ShapeError: the picture has another shape or dtype.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise ShapeError(f"rgb must be (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}.")
        if scan == "large":
            faces = merge(self._whole(rgb, LARGE_MIN_SCORE))
            if len(faces):
                return _sorted(faces)
        return _sorted(self._everyone(rgb))

    def _whole(self, rgb: NDArray[np.uint8], min_score: float) -> Candidates:
        """The whole frame, letterboxed as by mediapipe's ImageToTensorCalculator: bilinear, no half-pixel shift."""
        height, width = rgb.shape[:2]
        longer = max(height, width)
        zoom = WHOLE / longer
        pad = np.array([(longer - width) / 2, (longer - height) / 2], np.float32)
        warp = np.array([[zoom, 0, pad[0] * zoom], [0, zoom, pad[1] * zoom]])
        boxed = cv2.warpAffine(rgb, warp, (WHOLE, WHOLE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        found = decode(self._networks[WHOLE](normalized(boxed)[None]), min_score)
        return found.moved(np.full(2, 1 / zoom, np.float32), -pad)

    def _everyone(self, rgb: NDArray[np.uint8]) -> Candidates:
        height, width = rgb.shape[:2]
        parts = [self._whole(rgb, EVERYONE_MIN_SCORE)]
        images, source = [], rgb
        for level in pyramid.levels(height, width):
            # Each level is made of the one before: to halve is exact and quick, and its cost is a third in all.
            way = cv2.INTER_AREA if level.width < 0.75 * source.shape[1] else cv2.INTER_LINEAR
            source = cv2.resize(source, (level.width, level.height), interpolation=way)
            images.append(source)
            scale = np.array([width / level.width, height / level.height], np.float32)
            parts += [self._tile(source, level.side, tile).moved(scale, np.zeros(2)) for tile in level.tiles]
        return without_nested(self._second_look([rgb, *images], merge(join(parts))))

    def _tile(self, image: NDArray[np.uint8], side: int, tile: pyramid.Tile) -> Candidates:
        """Candidates whose centre is in the tile's core, pixels of the level."""
        part = image[tile.top : tile.top + side, tile.left : tile.left + side]
        pixels = np.full((1, side, side, 3), -1, np.float32)  # black beyond the border, as in mediapipe
        pixels[0, : part.shape[0], : part.shape[1]] = normalized(part)
        found = decode(self._networks[side](pixels), EVERYONE_MIN_SCORE)
        found = found.moved(np.ones(2), np.array([tile.left, tile.top], np.float32))
        centre = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        x0, y0, x1, y1 = tile.core
        return found[((centre >= [x0, y0]) & (centre < [x1, y1])).all(axis=1)]


def _sorted(faces: Candidates) -> Detections:
    order = np.argsort(-bx.area(faces.boxes), kind="stable")
    return Detections(faces.boxes[order], faces.scores[order], faces.keypoints[order])
