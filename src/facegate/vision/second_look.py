"""Look again at each candidate, cut out so that the face has the size that the network knows best."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.vision.blazeface import Candidates, decode, join, merge, nobody
from facegate.vision.boxes import Floats, iou
from facegate.vision.convolutional import Network

SWEET = 44.0
MIN_SCORE = 0.5
MIN_IOU = 0.3


class SecondLook:
    """Verifies and refines candidates."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, images: list[NDArray[np.uint8]], boxes: Floats, scores: Floats) -> Candidates:
        """The candidates that are faces.

        Args:
            images: the picture, then the same at falling sizes.
            boxes: (N, 4) float32, xyxy, pixels of the picture.
            scores: (N,) of the first look.
        """
        parts = [self.look(images, box) for box in boxes]
        return merge(join([p for p in parts if p is not None]))

    def look(self, images, box, mirrored=False, sweet=SWEET, border=cv2.BORDER_CONSTANT, min_score=MIN_SCORE, min_iou=MIN_IOU):
        side = self._network.width
        face = float(np.max(box[2:] - box[:2]))
        zoom = sweet / face
        full = images[0].shape[1]
        # the smallest image that is still at least as fine as the crop
        image = min((i for i in images if i.shape[1] / full >= min(zoom, 1.0)), key=lambda i: i.shape[1])
        ratio = np.array([image.shape[1] / full, image.shape[0] / images[0].shape[0]])
        centre = (box[:2] + box[2:]) / 2
        origin = centre - side / 2 / zoom
        sx, sy = zoom / ratio
        warp = np.array([[sx, 0, -origin[0] * zoom], [0, sy, -origin[1] * zoom]])
        if mirrored:
            warp = np.array([[-1, 0, side], [0, 1, 0]]) @ np.vstack([warp, [0, 0, 1]])
        crop = cv2.warpAffine(image, warp, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
        found = decode(self._network((crop.astype(np.float32) / 127.5 - 1)[None]), min_score)
        if mirrored:
            b = found.boxes.copy(); b[:, [0, 2]] = side - found.boxes[:, [2, 0]]
            k = found.keypoints[:, [1, 0, 2, 3, 5, 4]].copy(); k[..., 0] = side - k[..., 0]
            found = Candidates(found.batch, b, found.scores, k)
        found = merge(found.moved(np.full(2, 1 / zoom), origin))
        if not len(found):
            return None
        overlap = iou(found.boxes, box[None])[:, 0]
        best = np.argmax(overlap * found.scores)
        if overlap[best] < min_iou:
            return None
        return found[np.array([best])]
