"""Which box of a key frame is which track's. Arithmetic on boxes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# How far a face may be from where it is expected, in sizes of it: at once, for each frame since, and at most.
_NEAR, _PER_FRAME, _FAR = 0.6, 0.04, 1.6
# A second round takes what is left over however far it is within reason: a face that crosses the picture in a second
# moves a tenth of its width in the three frames from one key frame to the next.
_WIDE = 6.0
# Logarithms of how much larger or smaller a box may be.
_LIKE, _ALIKE = np.log(2.0), np.log(1.45)


class Seen(Protocol):
    """What linking asks of a track."""

    frames: list[int]
    boxes: list[Floats]

    def velocity(self, *, first: bool = False) -> Floats:
        """(4,) pixels per frame."""


def predicted(track: Seen, frame: int) -> Floats:
    """Where a track should be, (4,): on from its last sighting, or back from its first, at its speed there."""
    first = frame < track.frames[0]
    near, box = (track.frames[0], track.boxes[0]) if first else (track.frames[-1], track.boxes[-1])
    velocity = track.velocity(first=first)
    # The size stays: two boxes say little of how it changes.
    shift = (velocity[:2] + velocity[2:]) / 2 * np.float32(frame - near)
    return box + np.tile(shift, 2)


def link(
    tracks: Sequence[Seen], frame: int, boxes: Floats, *, wide: bool = True
) -> tuple[list[tuple[int, int, bool]], list[int]]:
    """Match tracks with boxes, the best pairs first, each at most once.

    Args:
        tracks: of the shot.
        frame: where the boxes were seen.
        boxes: (N, 4).
        wide: whether what is left over may be matched over large distances.

    Returns:
        Triples of a track's index, a box's index and whether it is far; and the indices of boxes that are left.
    """
    if not tracks or not len(boxes):
        return [], list(range(len(boxes)))
    distance, ratio, since = _differences(tracks, frame, boxes)
    near = np.minimum(_NEAR + _PER_FRAME * since, _FAR)[:, None]
    cost = np.where((distance <= near) & (ratio <= _LIKE), distance / near + ratio, np.inf)
    pairs = [(*pair, False) for pair in _greedy(cost)]
    if wide:
        cost = np.where((distance <= _WIDE) & (ratio <= _ALIKE), distance + ratio, np.inf)
        cost[[track for track, _, _ in pairs]] = np.inf
        cost[:, [box for _, box, _ in pairs]] = np.inf
        pairs += [(*pair, True) for pair in _greedy(cost)]
    taken = {box for _, box, _ in pairs}
    return pairs, [index for index in range(len(boxes)) if index not in taken]


def _differences(tracks: Sequence[Seen], frame: int, boxes: Floats) -> tuple[Floats, Floats, Floats]:
    """Distances of centres in sizes (T, N), logarithms of ratios of sizes (T, N), frames since the sighting (T,)."""
    expected = np.stack([predicted(track, frame) for track in tracks])
    first = np.array([frame < track.frames[0] for track in tracks])
    nearest = np.stack([track.boxes[0 if back else -1] for track, back in zip(tracks, first, strict=True)])
    since = np.array([abs(frame - t.frames[0 if back else -1]) for t, back in zip(tracks, first, strict=True)])
    sizes, theirs = _size(nearest)[:, None], _size(boxes)[None]
    # It goes on as it went, or it has stopped.
    gaps = [np.linalg.norm(_centre(a)[:, None] - _centre(boxes)[None], axis=2) for a in (expected, nearest)]
    distance = np.minimum(*gaps) / np.maximum((sizes + theirs) / 2, 1)
    ratio = np.abs(np.log(np.maximum(sizes, 1) / np.maximum(theirs, 1)))
    return distance.astype(np.float32), ratio.astype(np.float32), since.astype(np.float32)


def _centre(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, np.float32)


def _size(boxes: Floats) -> Floats:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(np.sqrt(sides[:, 0] * sides[:, 1]), np.float32)


def _greedy(cost: NDArray[np.floating]) -> list[tuple[int, int]]:
    pairs = []
    # Sequential by nature: the best pair takes both away from all others.
    for flat in np.argsort(cost, axis=None, kind="stable")[: int(np.isfinite(cost).sum())]:
        track, box = divmod(int(flat), cost.shape[1])
        if np.isfinite(cost[track, box]):
            pairs.append((track, box))
            cost[track, :] = np.inf
            cost[:, box] = np.inf
    return pairs
