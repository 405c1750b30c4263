"""What the numbers that BlazeFace puts out mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facegate.vision import boxes as bx
from facegate.vision.boxes import Floats

# mediapipe's face_detection_short_range.pbtxt: x_scale, y_scale, w_scale, h_scale 128 (so that raw values are pixels of
# the network's input), anchor_offset 0.5, fixed_anchor_size, reverse_output_order, 6 key points from coordinate 4 on.
KEYPOINTS = 6
# NonMaxSuppressionCalculator of the same file: WEIGHTED, min_suppression_threshold.
SAME_FACE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes that may be faces, in whatever pixels the maker says.

    Attributes:
        batch: (N,) index of the picture in the batch.
        boxes: (N, 4) float32, xyxy.
        scores: (N,) float32, 0 to 1.
        keypoints: (N, 6, 2) float32, x, y: right eye, left eye, nose tip, mouth centre, right ear, left ear.
    """

    batch: NDArray[np.intp]
    boxes: Floats
    scores: Floats
    keypoints: Floats

    def __getitem__(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Candidates:
        return Candidates(self.batch[which], self.boxes[which], self.scores[which], self.keypoints[which])

    def __len__(self) -> int:
        return len(self.scores)

    def moved(self, scale: ArrayLike, offset: ArrayLike) -> Candidates:
        """Every point times `scale` plus `offset`, both x, y."""
        by, to = np.asarray(scale, np.float32), np.asarray(offset, np.float32)
        moved_boxes = self.boxes * np.tile(by, 2) + np.tile(to, 2)
        points = self.keypoints * by + to
        return Candidates(self.batch, moved_boxes, self.scores, points)


def join(parts: list[Candidates]) -> Candidates:
    """All of them, in order; of none, none."""
    parts = [nobody(), *parts]
    return Candidates(
        np.concatenate([part.batch for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.keypoints for part in parts]),
    )


def nobody() -> Candidates:
    """No candidate."""
    return Candidates(
        np.empty(0, np.intp),
        np.empty((0, 4), np.float32),
        np.empty(0, np.float32),
        np.empty((0, KEYPOINTS, 2), np.float32),
    )


def decode(heads: dict[int, tuple[Floats, Floats]], min_score: float) -> Candidates:
    """Anchors whose score reaches `min_score`, in pixels of the network's input.

    Args:
        heads: by stride: logits (B, h, w, a) and raw values (B, h, w, a, 16).
        min_score: above 0, below 1.
    """
    min_logit = np.log(min_score / (1 - min_score))
    parts = []
    for stride, (logits, raw) in heads.items():
        batch, row, column, anchor = np.nonzero(logits >= min_logit)
        values = raw[batch, row, column, anchor]
        centre = (np.stack([column, row], axis=1) + 0.5) * stride
        middle, half = centre + values[:, :2], values[:, 2:4] / 2
        parts.append(
            Candidates(
                batch,
                np.concatenate([middle - half, middle + half], axis=1).astype(np.float32),
                _sigmoid(logits[batch, row, column, anchor]),
                (values[:, 4:].reshape(-1, KEYPOINTS, 2) + centre[:, None]).astype(np.float32),
            )
        )
    return join(parts)


def _sigmoid(logits: Floats) -> Floats:
    # score_clipping_thresh of the same file is 100: exp does not overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), np.float32)


def merge(candidates: Candidates) -> Candidates:
    """Weighted non-maximum suppression of one picture, as by mediapipe: boxes and key points are averaged by score.

    The score of a merged face is its best one.
    """
    leader = bx.clusters(candidates.boxes, candidates.scores, min_iou=SAME_FACE_IOU)
    values = np.concatenate([candidates.boxes, candidates.keypoints.reshape(-1, 2 * KEYPOINTS)], axis=1)
    leaders, mean = bx.weighted_mean(values, candidates.scores, leader)
    points = mean[:, 4:].reshape(-1, KEYPOINTS, 2)
    return Candidates(candidates.batch[leaders], mean[:, :4], candidates.scores[leaders], points)
