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
from facegate.vision.convolutional import Network, convolutional
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
        guessed: the key points were not seen: they are where an upright face would have them in its box.
    """

    boxes: NDArray[np.float32]
    confidence: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    guessed: bool = False


class Detector:
    """BlazeFace at every scale. Single-threaded; all memory that a scan needs for the networks is taken here."""

    def __init__(self) -> None:
        model = convolutional(weights("face_detection_short_range"))
        self._networks = {side: Network(model, side, side) for side in pyramid.SIDES}
        self._whole_network = Network(model, WHOLE, WHOLE)
        self._second_look = SecondLook(model)

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
        if scan == "large" and len((faces := self.glance(rgb)).boxes):
            return faces
        return _sorted(self._everyone(rgb))

    def glance(self, rgb: NDArray[np.uint8]) -> Detections:
        """One look at the whole frame, as mediapipe's FaceMesh takes it; it may show nobody."""
        return _sorted(merge(self._whole(rgb, LARGE_MIN_SCORE)))

    def _whole(self, rgb: NDArray[np.uint8], min_score: float) -> Candidates:
        """The whole frame, letterboxed as by mediapipe's ImageToTensorCalculator: bilinear, no half-pixel shift."""
        height, width = rgb.shape[:2]
        longer = max(height, width)
        zoom = WHOLE / longer
        pad = np.array([(longer - width) / 2, (longer - height) / 2], np.float32)
        warp = np.array([[zoom, 0, pad[0] * zoom], [0, zoom, pad[1] * zoom]])
        boxed = cv2.warpAffine(rgb, warp, (WHOLE, WHOLE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        found = decode(self._whole_network.look(np.asarray(boxed, np.uint8)), min_score)
        return found.moved((1 / zoom, 1 / zoom), -pad)

    def _everyone(self, rgb: NDArray[np.uint8]) -> Candidates:
        height, width = rgb.shape[:2]
        parts = [self._whole(rgb, EVERYONE_MIN_SCORE)]
        images: list[NDArray[np.uint8]] = [rgb]
        for level in pyramid.levels(height, width):
            # Each level is made of the one before: to halve is exact and quick, and its cost is a third in all.
            way = cv2.INTER_AREA if level.width < 0.75 * images[-1].shape[1] else cv2.INTER_LINEAR
            scaled = cv2.resize(images[-1], (level.width, level.height), interpolation=way)
            images.append(np.asarray(scaled, np.uint8))
            scale = (width / level.width, height / level.height)
            parts += [self._tile(images[-1], level.side, tile).moved(scale, (0, 0)) for tile in level.tiles]
        return without_nested(self._second_look(images, merge(join(parts))))

    def _tile(self, image: NDArray[np.uint8], side: int, tile: pyramid.Tile) -> Candidates:
        """Candidates, merged, whose centre is in the tile's core, pixels of the level."""
        part = image[tile.top : tile.top + side, tile.left : tile.left + side]
        found = merge(decode(self._networks[side].look(part), EVERYONE_MIN_SCORE))
        found = found.moved((1, 1), (tile.left, tile.top))
        centre = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        x0, y0, x1, y1 = tile.core
        inside = np.all((centre >= [x0, y0]) & (centre < [x1, y1]), axis=1)
        return found[np.flatnonzero(inside)]


def _sorted(faces: Candidates) -> Detections:
    order = np.argsort(-bx.area(faces.boxes), kind="stable")
    return Detections(faces.boxes[order], faces.scores[order], faces.keypoints[order])
