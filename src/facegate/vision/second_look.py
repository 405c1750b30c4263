"""Look again at each candidate, cut out so that the face has the size that the network knows best.

The first look sees a face at whatever size the pyramid gives it and in one place of the grid of anchors; its score
alone lets a dozen false boxes pass at a threshold that costs one face in fifty. Looks were chosen on three sets: 360
known faces of the fixtures, the 100 blurred ones of scikit-image's lfw_subset, and 704 candidates in 76 megapixels
without people. Tight crops separate better than 128x128 ones and cost less: what surrounds a face misleads. Small faces
in the crop (28 px) separate well on the fixtures but lose a third of the blurred faces; 44 and 64 px lose a tenth. Each
is seen in the mirror as well: what the network does to the left, the mirror undoes to the right, so that the mean is
also the better box.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.vision import boxes as bx
from facegate.vision.blazeface import Candidates, decode, join, merge
from facegate.vision.boxes import Floats
from facegate.vision.convolutional import Network

# Each look: side of the crop and size of the face in it, pixels, and whether it is mirrored. The cheap ones first.
LOOKS = ((64, 44.0, True), (64, 44.0, False), (96, 64.0, True), (96, 64.0, False))
# A look that scores less than this ends it: most false candidates cost one look of a quarter of a millisecond.
MIN_SCORE = 0.4
# What a look finds is the candidate's face from this overlap on; its first box may be half too large or too small.
MIN_IOU = 0.2
# Mean of all looks; of the false candidates one in 70 has more.
MIN_CONFIDENCE = 0.66
# Boxes are one face from this overlap on, or when one is nested in the other by this share of it.
SAME_FACE_IOU = 0.3
NESTED_IOS = 0.6
# In the mirror right and left eye, and right and left ear, change places.
_MIRRORED_ORDER = [1, 0, 2, 3, 5, 4]


class SecondLook:
    """Verifies and refines candidates."""

    def __init__(self, model: bytes) -> None:
        """Allocate.

        Args:
            model: from `convolutional`.
        """
        self._networks = {side: Network(model, side, side) for side, _, _ in LOOKS}

    def __call__(self, images: list[NDArray[np.uint8]], candidates: Candidates) -> Candidates:
        """The candidates that are faces, with better boxes, key points and scores.

        Args:
            images: the picture, (H, W, 3) uint8, RGB, then the same at falling sizes.
            candidates: in pixels of the picture.
        """
        confirmed = [self._confirm(images, box) for box in candidates.boxes]
        return join([face for face in confirmed if face is not None])

    def _confirm(self, images: list[NDArray[np.uint8]], box: Floats) -> Candidates | None:
        seen: list[Candidates] = []
        for look in LOOKS:
            # Each looks where the one before saw it.
            face = self._look(images, seen[-1].boxes[0] if seen else box, *look)
            if face is None:
                return None
            seen.append(face)
        mean = _mean(seen)
        return mean if mean.scores[0] >= MIN_CONFIDENCE else None

    def _look(
        self, images: list[NDArray[np.uint8]], box: Floats, side: int, size: float, mirrored: bool
    ) -> Candidates | None:
        zoom = size / max(float(np.max(box[2:] - box[:2])), 1.0)
        corner = np.asarray((box[:2] + box[2:]) / 2 - side / 2 / zoom, np.float32)
        crop = _cut(images, corner, zoom, side)
        found = decode(self._networks[side].look(crop[:, ::-1] if mirrored else crop), MIN_SCORE)
        if mirrored:
            found = _mirror(found, side)
        found = merge(found.moved((1 / zoom, 1 / zoom), corner))
        overlap = bx.iou(found.boxes, box[None])[:, 0]
        if not len(found) or overlap.max() < MIN_IOU:
            return None
        return found[np.array([np.argmax(overlap * found.scores)])]


def _cut(images: list[NDArray[np.uint8]], corner: Floats, zoom: float, side: int) -> NDArray[np.uint8]:
    """The square of `side` px whose corner is at `corner` in the picture, `zoom` times as large; black outside."""
    height, width = images[0].shape[:2]
    # The smallest image that still has the resolution: sampling a much finer one would alias.
    source = min((i for i in images if i.shape[1] >= min(zoom, 1) * width), key=lambda image: image.shape[1])
    across, down = zoom * width / source.shape[1], zoom * height / source.shape[0]
    warp = np.array([[across, 0, -corner[0] * zoom], [0, down, -corner[1] * zoom]], np.float64)
    crop = cv2.warpAffine(source, warp, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(crop, np.uint8)


def _mean(seen: list[Candidates]) -> Candidates:
    boxes = np.mean([face.boxes for face in seen], axis=0)
    scores = np.mean([face.scores for face in seen], axis=0)
    points = np.mean([face.keypoints for face in seen], axis=0)
    return Candidates(seen[0].batch, *(np.asarray(mean, np.float32) for mean in (boxes, scores, points)))


def _mirror(found: Candidates, side: int) -> Candidates:
    boxes = found.boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32)
    points = found.keypoints[:, _MIRRORED_ORDER] * np.array([-1, 1], np.float32)
    return Candidates(found.batch, boxes, found.scores, points).moved((1, 1), (side, 0))


def without_nested(faces: Candidates) -> Candidates:
    """One box for each face: of boxes that overlap or are nested, the one of highest score leads.

    Parts of a large face (an eye and a mouth beside it) may pass as a small one. If what leads is much smaller than
    another of its cluster, the face takes the union of both boxes: a large face must not shrink.
    """
    leader = bx.clusters(faces.boxes, faces.scores, min_iou=SAME_FACE_IOU, min_ios=NESTED_IOS)
    areas = bx.area(faces.boxes)
    much_larger = areas > 1.5 * areas[leader]
    leaders, boxes = bx.union(np.where(much_larger[:, None], faces.boxes, faces.boxes[leader]), leader)
    # Key points come from the box that says most about the size: the largest if it counts, else the leader's own.
    weight = np.where(much_larger, areas, 0) + (np.arange(len(faces)) == leader)
    order = np.lexsort((-weight, leader))
    first = order[np.unique(leader[order], return_index=True)[1]]
    return Candidates(faces.batch[leaders], boxes, faces.scores[leaders], faces.keypoints[first])
