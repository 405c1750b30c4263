"""Arithmetic on boxes: (N, 4) float32, xyxy, pixels, origin top left. Arrays in, arrays out; nothing is written to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def area(boxes: Floats) -> Floats:
    """Areas (N,), square pixels; 0 for a box turned inside out."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def _intersection(a: Floats, b: Floats) -> Floats:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Share, 0 where there is nothing to share (two empty boxes)."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every pair, (N, M), 0 to 1."""
    common = _intersection(a, b)
    return _ratio(common, area(a)[:, None] + area(b)[None, :] - common)


def ios(a: Floats, b: Floats) -> Floats:
    """Intersection over the smaller one of every pair, (N, M), 0 to 1; 1 for a box inside another."""
    return _ratio(_intersection(a, b), np.minimum(area(a)[:, None], area(b)[None, :]))


def clip(boxes: Floats, height: int, width: int) -> Floats:
    """The parts inside a frame of that many pixels; a box outside becomes an empty one at the border."""
    return np.clip(boxes, 0, np.array([width, height, width, height], np.float32)).astype(np.float32)


def clusters(boxes: Floats, scores: Floats, *, min_iou: float, min_ios: float | None = None) -> NDArray[np.intp]:
    """Greedy grouping: the best box not yet in a group leads one and takes all that overlap it.

    Args:
        boxes: (N, 4).
        scores: (N,).
        min_iou: what overlaps its leader by more than this belongs to it.
        min_ios: so does a box that is nested in it (or it in the box) by more than this; None for IoU alone.

    Returns:
        (N,) for each box the index of its leader.
    """
    leader = np.full(len(boxes), -1, np.intp)
    # Greedy suppression is sequential by nature: one turn for each leader. A row at a time, because the matrix of all
    # pairs of a crowd's anchors would take gigabytes.
    for index in np.argsort(-scores, kind="stable"):
        if leader[index] >= 0:
            continue
        mine = boxes[index : index + 1]
        together = iou(mine, boxes)[0] > min_iou
        if min_ios is not None:
            together |= ios(mine, boxes)[0] > min_ios
        together[index] = True  # an empty box does not overlap even itself
        leader[together & (leader < 0)] = index
    return leader


def weighted_mean(values: Floats, scores: Floats, leader: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """Mean over each cluster, weighted by score: mediapipe's WEIGHTED non-maximum suppression.

    Args:
        values: (N, K) whatever goes with a box, its own coordinates included.
        scores: (N,) above 0.
        leader: (N,) from `clusters`.

    Returns:
        The leaders' indices (M,), ascending, and the means (M, K) float32.
    """
    leaders, group = np.unique(leader, return_inverse=True)
    weighted = np.zeros((len(leaders), values.shape[1]), np.float64)
    np.add.at(weighted, group, values * scores[:, None])
    total = np.bincount(group, weights=scores, minlength=len(leaders))
    return leaders, (weighted / total[:, None]).astype(np.float32)


def union(boxes: Floats, leader: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """The box around each cluster, so that a large face of which parts were found as well does not shrink.

    Args:
        boxes: (N, 4).
        leader: (N,) from `clusters`.

    Returns:
        The leaders' indices (M,), ascending, and their boxes (M, 4).
    """
    leaders, group = np.unique(leader, return_inverse=True)
    around = np.tile(np.array([np.inf, np.inf, -np.inf, -np.inf], np.float32), (len(leaders), 1))
    np.minimum.at(around[:, :2], group, boxes[:, :2])
    np.maximum.at(around[:, 2:], group, boxes[:, 2:])
    return leaders, around
