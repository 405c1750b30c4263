"""Find faces in decoded frames of video, at the sizes that a profile asks for. Child side only."""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from facegate.redact.profiles import Profile
from facegate.vision import boxes as bx
from facegate.vision.blazeface import decode, merge
from facegate.vision.boxes import Floats
from facegate.vision.centerface import CenterFace
from facegate.vision.convolutional import Network, convolutional
from facegate.vision.models import weights
from facegate.vision.pictures import Crops, Picture, Pictures, reduced

# BlazeFace sees faces up to about the 128 px that it was made for: the smallest picture shows one that fills the frame.
_SMALLEST = 144
# Inputs are multiples of this in both directions.
_GRID = 32
# Strips of the strong picture overlap by this, pixels of it: faces larger than that are seen by the pictures that
# are smaller.
_OVERLAP = 96
# A guided look: side of its picture and size of the face in it, as the second look of pictures has them.
_LOOK, _FACE = 96, 44.0
_SAME_FACE_IOU, _NESTED_IOS = 0.3, 0.6


class Seen(NamedTuple):
    """Boxes of one frame.

    Attributes:
        boxes: (N, 4) float32, xyxy, pixels of the frame, in BlazeFace's convention.
        scores: (N,) float32, 0 to 1, of whichever network saw it.
        sure: (N,) bool, whether that is enough for a face by itself.
    """

    boxes: Floats
    scores: Floats
    sure: NDArray[np.bool_]


class VideoDetector:
    """The networks, allocated at the first frame for its size; frames of one size after that."""

    def __init__(self, profile: Profile, rotation: int) -> None:
        """Load.

        Args:
            profile: which pictures are looked at, with what thresholds.
            rotation: degrees clockwise that show the frames upright.
        """
        self._profile = profile
        self._model = convolutional(weights("face_detection_short_range"))
        self._networks: dict[tuple[int, int], Network] = {}
        self.pictures = Pictures(rotation)
        self.crops = Crops(self.pictures, rotation)
        self._strong = CenterFace()
        self._look = Network(self._model, _LOOK, _LOOK)
        self._next_strip = 0

    def see(self, frame: av.VideoFrame, *, everywhere: bool) -> Seen:
        """Faces of a key frame.

        Args:
            frame: of any format.
            everywhere: whether CenterFace looks at all of it instead of at the strip whose turn it is.
        """
        parts = [*self._quick(frame), *self._thorough(frame, everywhere=everywhere)]
        return joined(parts)

    def _quick(self, frame: av.VideoFrame) -> list[Seen]:
        longer, parts = self._profile.side, []
        while longer >= _SMALLEST:
            picture = self.pictures.whole(frame, longer)
            longer = min(longer, max(frame.width, frame.height)) // 2
            found = merge(decode(self._network(picture).look(picture.rgb), self._profile.linked))
            parts.append(self._seen(picture, found.boxes, found.scores, self._profile.found))
        return parts

    def _network(self, picture: Picture) -> Network:
        height, width = (-(-side // _GRID) * _GRID for side in picture.rgb.shape[:2])
        if (height, width) not in self._networks:
            self._networks[height, width] = Network(self._model, height, width)
        return self._networks[height, width]

    def _thorough(self, frame: av.VideoFrame, *, everywhere: bool) -> list[Seen]:
        profile = self._profile
        if not profile.strong_side:
            return []
        rows = strips(reduced(frame.height, frame.width, profile.strong_side)[0], profile.strips)
        self._next_strip = (self._next_strip + 1) % len(rows)
        picture = self.pictures.whole(frame, profile.strong_side)
        parts = []
        for first, behind in rows if everywhere else [rows[self._next_strip]]:
            strip = self.pictures.rows(picture, first, behind)
            faces = self._strong(strip.rgb, profile.strong_linked)
            parts.append(self._seen(strip, as_blazeface(faces.boxes), faces.scores, profile.strong_found))
        return parts

    @staticmethod
    def _seen(picture: Picture, boxes: Floats, scores: Floats, found: float) -> Seen:
        return Seen(picture.to_frame(boxes), scores, scores >= found)

    def look(self, frame: av.VideoFrame, box: Floats) -> Floats | None:
        """The face that is expected at a box, (4,) pixels of the frame; None if it is not there."""
        picture = self.crops.cut(frame, box, _LOOK, _FACE)
        found = merge(decode(self._look.look(picture.rgb), self._profile.linked))
        if not len(found):
            return None
        boxes = picture.to_frame(found.boxes)
        size = np.max(box[2:] - box[:2])
        sizes = np.max(boxes[:, 2:] - boxes[:, :2], axis=1)
        away = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - (box[:2] + box[2:]) / 2, axis=1) / size
        fits = (away < 0.7) & (np.abs(np.log(sizes / size)) < np.log(1.6))
        if not fits.any():
            return None
        return np.asarray(boxes[np.argmax(np.where(fits, found.scores - 0.5 * away, -np.inf))], np.float32)


def strips(height: int, count: int) -> list[tuple[int, int]]:
    """First row and the one behind the last of overlapping strips, all of one height and together the whole."""
    if count == 1 or height <= 2 * _OVERLAP:
        return [(0, height)]
    each = min(height, -(-(height + (count - 1) * _OVERLAP) // (count * _GRID)) * _GRID)
    tops = [round(index * (height - each) / (count - 1)) for index in range(count)]
    return [(top, top + each) for top in tops]


def as_blazeface(boxes: Floats) -> Floats:
    """CenterFace's boxes, hairline to chin, as the squares of BlazeFace."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = boxes[:, 2:] - boxes[:, :2]
    half = np.maximum(sides[:, 0], sides[:, 1] * np.float32(0.8))[:, None] / 2
    middle = centre + sides * np.array([0, 0.06], np.float32)
    return np.concatenate([middle - half, middle + half], axis=1)


def joined(parts: list[Seen]) -> Seen:
    """One box for each face: of boxes that overlap or are nested the union, so that a large face does not shrink."""
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    sure = np.concatenate([part.sure for part in parts])
    # Sure ones lead: an uncertain box that happens to be larger takes no face with it.
    leader = bx.clusters(boxes, scores + sure, min_iou=_SAME_FACE_IOU, min_ios=_NESTED_IOS)
    counts = sure | ~sure[leader]
    leaders, union = bx.union(np.where(counts[:, None], boxes, boxes[leader]), leader)
    return Seen(union, scores[leaders], sure[leaders])
