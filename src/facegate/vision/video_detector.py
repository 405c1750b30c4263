"""Find faces in decoded frames of video, at the sizes that a profile asks for. Child side only.

CenterFace alone looks. On the clips of known faces it finds 98 % of those of 24 px and more at a score with 0.04 false
boxes a frame, and a face that fills the picture as well; BlazeFace at the same cost, on pictures of twice as many
pixels, has 0.7 false boxes at the score that finds as many.
"""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from facegate.redact.profiles import Profile
from facegate.vision import boxes as bx
from facegate.vision.boxes import Floats
from facegate.vision.centerface import MULTIPLE, CenterFace, model
from facegate.vision.pictures import Crops, Picture, Pictures

# Longer and shorter side of what the network sees at once, pixels: 20 MB, where a whole 1920x1080 frame takes 136.
TILE = (704, 384)
# Tiles overlap at least by this, pixels: a face that is larger is large enough for the next coarser picture.
_OVERLAP = 32
# A look at one face: side of the picture, and size of the face in it where it is expected near and far.
_LOOK, _NEAR, _FAR = 128, 40.0, 26.0
_SAME_FACE_IOU, _NESTED_IOS = 0.3, 0.6
# CenterFace's boxes are narrower than a face from ear to ear by this share of their width on each side (median).
_NARROW = 0.06


class Seen(NamedTuple):
    """Boxes of one frame.

    Attributes:
        boxes: (N, 4) float32, xyxy, pixels of the frame: forehead to chin, ear to ear.
        scores: (N,) float32, 0 to 1.
        sure: (N,) bool, whether that is enough for a face by itself.
    """

    boxes: Floats
    scores: Floats
    sure: NDArray[np.bool_]


def prepare() -> None:
    """Write the networks of the usual sizes: the zygote does, for children that may open no file."""
    for height, width in (TILE, TILE[::-1], (_LOOK, _LOOK)):
        model(height, width, "int8")


class VideoDetector:
    """The networks, allocated at the first frame for its orientation."""

    def __init__(self, profile: Profile, rotation: int) -> None:
        """Set up.

        Args:
            profile: which pictures are looked at, with what thresholds.
            rotation: degrees clockwise that show the frames upright.
        """
        self._profile = profile
        self.pictures = Pictures(rotation)
        self.crops = Crops(self.pictures, rotation)
        self._networks: dict[tuple[int, int], CenterFace] = {}
        self._turn = 0

    def see(self, frame: av.VideoFrame, *, everywhere: bool) -> Seen:
        """Faces of a key frame.

        Args:
            frame: of any format.
            everywhere: whether all tiles of the finest picture are looked at instead of those whose turn it is.
        """
        whole = self.pictures.whole(frame, _within_tile(frame))
        parts = [self._scan(whole)]
        scales = finer(frame, self._profile)
        for scale, tiles in self._choose(frame, scales, everywhere=everywhere).items():
            picture = self.pictures.whole(frame, scale)
            parts += [self._scan(picture.part(*tile)) for tile in tiles]
        return joined(parts)

    def _choose(
        self, frame: av.VideoFrame, scales: list[int], *, everywhere: bool
    ) -> dict[int, list[tuple[int, int, int, int]]]:
        """Tiles to look at, by scale."""
        rings = [[(scale, tile) for tile in tiles(*self.pictures.upright(frame, scale))] for scale in scales]
        if not rings:
            return {}
        if everywhere:
            chosen = rings[-1]
        elif self._profile.tiles >= sum(map(len, rings)):
            chosen = [pair for ring in rings for pair in ring]
        else:
            # One of each scale in turn, so that the coarser ones, of fewer tiles, come round more often.
            turns = range(self._turn, self._turn + self._profile.tiles)
            chosen = [ring[turn // len(rings) % len(ring)] for turn in turns for ring in [rings[turn % len(rings)]]]
            self._turn += self._profile.tiles
        by_scale: dict[int, list[tuple[int, int, int, int]]] = {}
        for scale, tile in dict.fromkeys(chosen):
            by_scale.setdefault(scale, []).append(tile)
        return by_scale

    def _scan(self, picture: Picture) -> Seen:
        faces = self._network(picture)(picture.rgb, self._profile.linked)
        boxes = picture.to_frame(widened(faces.boxes))
        return Seen(boxes, faces.scores, faces.scores >= self._profile.found)

    def _network(self, picture: Picture) -> CenterFace:
        height, width = (-(-side // MULTIPLE) * MULTIPLE for side in picture.rgb.shape[:2])
        # What is nearly a tile takes the tile's network: a second one would cost its weights again.
        for size, network in self._networks.items():
            if height <= size[0] and width <= size[1] and size[0] * size[1] <= 1.2 * height * width:
                return network
        return self._networks.setdefault((height, width), CenterFace(height, width, precision="int8"))

    def look(self, frame: av.VideoFrame, box: Floats, *, far: bool = False) -> Floats | None:
        """The face that is expected at a box, (4,) pixels of the frame; None if it is not there.

        Args:
            frame: of any format.
            box: (4,) where it should be; it is found within a size of that.
            far: it may be two sizes away.
        """
        picture = self.crops.cut(frame, box, _LOOK, _FAR if far else _NEAR)
        found = self._network(picture)(picture.rgb, self._profile.linked)
        if not len(found.scores):
            return None
        boxes = picture.to_frame(widened(found.boxes))
        size = np.max(box[2:] - box[:2])
        sizes = np.max(boxes[:, 2:] - boxes[:, :2], axis=1)
        away = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - (box[:2] + box[2:]) / 2, axis=1) / size
        fits = (away < (2.0 if far else 1.0)) & (np.abs(np.log(sizes / size)) < np.log(2.0 if far else 1.6))
        if not fits.any():
            return None
        return np.asarray(boxes[np.argmax(np.where(fits, found.scores - 0.4 * away, -np.inf))], np.float32)


def _within_tile(frame: av.VideoFrame) -> int:
    """Longer side of the largest picture of a whole frame that fits into a tile."""
    longer, shorter = max(frame.width, frame.height), min(frame.width, frame.height)
    return int(longer * min(1.0, TILE[0] / longer, TILE[1] / shorter))


def finer(frame: av.VideoFrame, profile: Profile) -> list[int]:
    """The scales that show more than the whole frame in one tile does, and no more than there is."""
    most = int(profile.enlarge * max(frame.width, frame.height))
    return sorted({min(scale, most) for scale in profile.scales if min(scale, most) > 1.3 * _within_tile(frame)})


def tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Top, left, height and width of overlapping tiles that are together a picture, row by row."""
    high, wide = TILE[::-1] if width >= height else TILE
    return [
        (top, left, min(high, height), min(wide, width))
        for top in _starts(height, high)
        for left in _starts(width, wide)
    ]


def _starts(length: int, tile: int) -> list[int]:
    if length <= tile:
        return [0]
    count = -(-(length - _OVERLAP) // (tile - _OVERLAP))
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def widened(boxes: Floats) -> Floats:
    """CenterFace's boxes as wide as faces are."""
    more = (boxes[:, 2:3] - boxes[:, :1]) * np.float32(_NARROW)
    return np.asarray(boxes + more * np.array([-1, 0, 1, 0], np.float32), np.float32)


def joined(parts: list[Seen]) -> Seen:
    """One box for each face: of boxes that overlap or are nested the union, so that a large face does not shrink."""
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    sure = np.concatenate([part.sure for part in parts])
    leader = bx.clusters(boxes, scores, min_iou=_SAME_FACE_IOU, min_ios=_NESTED_IOS)
    # An uncertain box that happens to be larger takes no sure one with it.
    counts = sure | ~sure[leader]
    leaders, union = bx.union(np.where(counts[:, None], boxes, boxes[leader]), leader)
    return Seen(union, scores[leaders], sure[leaders])
