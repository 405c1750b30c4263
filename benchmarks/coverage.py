"""How much of the known faces of a clip a tool has covered, whatever the tool is.

Of every face in every frame counts the ellipse inside its true box, as far as it lies in the picture; it is covered
when at least three quarters of it are. `coverage_of_video` looks at the pixels of a finished file, `coverage_of_boxes`
at boxes before anything is encoded.

Pixels count as covered that have the fill's colour in the output and had another one in the original: where the
original has the fill's colour by itself, nothing can be told, and such pixels count neither way. A face that consists
of them by more than three quarters is reported as undecided.

Of a face behind something else the whole ellipse counts, seen or not, if at least 0.35 of it is seen: a tool that
covers only the part in sight is marked down for it, every tool alike.

False is what is covered away from every face: from true boxes grown by 0.8 of their larger edge, of the frames from
half a second before to half a second after (a tool may well cover someone who is about to come in). A redaction of a
face that a tool has grown further than that counts as false too.

Run: ``python -m benchmarks.coverage CLIP OUTPUT --fill 128,128,128``; prints JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import Picture, paired
from benchmarks.tally import Coverage, Tally, around
from fixtures.clips import Clip, FrameTruth, clip

GREY = (128, 128, 128)
BLACK = (0, 0, 0)
# How far a colour that went through an encoder may be from the fill, each channel. In the original twice as much is
# still taken for the fill's own colour, so that no pixel counts as covered that was merely encoded again.
TOLERANCE = 14
# A face is near for half a second of frames around, within this share of its larger edge.
_NEAR_SECONDS, _NEAR_GROW = 0.5, 0.8
# Covered specks below this are the encoder's; an edge of 12 px is half of the smallest face.
_SPECK = 144
_LEAST_KNOWN = 0.25
_POINTS = 256

Shape = Literal["ellipse", "box"]


def coverage_of_boxes(
    frames: Sequence[FrameTruth],
    boxes: Sequence[NDArray[np.float32]],
    *,
    size_wh: tuple[int, int],
    shape: Shape = "ellipse",
    margin: float = 0.0,
    keep: int | None = None,
) -> Coverage:
    """What covering these boxes would cover.

    Args:
        frames: truth of a clip.
        boxes: for each frame (M, 4) float32, xyxy, pixels of the coded frame.
        size_wh: of the coded frame, pixels.
        shape: what is covered of a box: all or the ellipse inside it.
        margin: how much each box grows at every side before, as a share of its edges.
        keep: track of someone who is not to be covered; reported by itself.

    Raises:
        ValueError: there are not as many entries of boxes as frames.
    """
    if len(frames) != len(boxes):
        raise ValueError(f"boxes are given for {len(boxes)} frames, the clip has {len(frames)}")
    tally = Tally(keep=keep)
    near = _near(frames)
    for index, (truth, given) in enumerate(zip(frames, boxes, strict=True)):
        at = np.asarray(given, np.float64).reshape(-1, 4)
        edges = np.tile(at[:, 2:] - at[:, :2], 2) * np.array([-margin, -margin, margin, margin])
        at = at + edges
        shares = _shares_of_boxes(truth.boxes, at, size_wh, shape)
        middles = (at[:, :2] + at[:, 2:]) / 2
        away = ~_inside(middles, near[index])
        clipped = np.clip(at[away], 0, np.tile(size_wh, 2))
        area = float(np.prod(clipped[:, 2:] - clipped[:, :2], axis=1).sum()) / (size_wh[0] * size_wh[1])
        tally.frame(
            index, truth.tracks, truth.boxes, truth.visible, shares, false_boxes=int(away.sum()), false_area=area
        )
    return tally.result()


def coverage_of_video(
    original: Clip,
    output: Path,
    *,
    fill: tuple[int, int, int] = GREY,
    tolerance: int = TOLERANCE,
    by: Literal["time", "order"] = "time",
    keep: int | None = None,
) -> Coverage:
    """What a finished file covers.

    Args:
        original: the clip that was redacted.
        output: the file that a tool made of it.
        fill: colour of what is covered, RGB.
        tolerance: how far a channel may be from it.
        by: which frames belong together: those shown at the same time, counted from the first, or the first with the
            first and so on, for tools that make irregular times regular.
        keep: track of someone who is not to be covered; reported by itself.

    Raises:
        ValueError: the pictures of the output have another size.
    """
    tally = Tally(keep=keep)
    near = _near(original.frames)
    for index, before, after in paired(original, output, by=by):
        if before is None:
            tally.added += 1
        elif after is None:
            tally.missing += 1
        else:
            _compare(tally, index, original.frames[index], near[index], before, after, fill, tolerance)
    return tally.result()


def _compare(
    tally: Tally,
    index: int,
    truth: FrameTruth,
    near: NDArray[np.float32],
    before: Picture,
    after: Picture,
    fill: tuple[int, int, int],
    tolerance: int,
) -> None:
    filled = _like(after, fill, tolerance)
    natural = _like(before, fill, 2 * tolerance)
    shares = np.array([_share_of_pixels(box, filled, natural) for box in truth.boxes], np.float64)
    away = cv2.bitwise_and(filled, cv2.bitwise_not(natural))
    for x0, y0, x1, y1 in np.round(near).astype(int):
        away[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = 0
    away = cv2.morphologyEx(away, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(away, connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    areas = areas[areas >= _SPECK]
    tally.frame(
        index,
        truth.tracks,
        truth.boxes,
        truth.visible,
        shares,
        false_boxes=len(areas),
        false_area=float(areas.sum()) / away.size,
    )


def _like(picture: Picture, fill: tuple[int, int, int], tolerance: int) -> Picture:
    """(H, W) uint8: 255 where all channels are within the tolerance of the fill."""
    low = np.clip(np.array(fill) - tolerance, 0, 255).astype(np.uint8)
    high = np.clip(np.array(fill) + tolerance, 0, 255).astype(np.uint8)
    return np.asarray(cv2.inRange(picture, low, high), np.uint8)


def _share_of_pixels(box: NDArray[np.float32], filled: Picture, natural: Picture) -> float:
    """Covered share of the ellipse in a box, of those of its pixels in the picture whose own colour is another.

    NaN where that is less than a quarter of them.
    """
    height, width = filled.shape
    x0, y0, x1, y1 = (float(v) for v in box)
    left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    right, bottom = min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
    if right <= left or bottom <= top:
        return float("nan")
    u = (np.arange(left, right) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    v = (np.arange(top, bottom) + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    ellipse = u * u + (v * v)[:, None] <= 1
    own = natural[top:bottom, left:right] > 0
    known = ellipse & ~own
    if known.sum() < max(1.0, _LEAST_KNOWN * ellipse.sum()):
        return float("nan")
    return float((filled[top:bottom, left:right] > 0)[known].mean())


def _shares_of_boxes(
    truth: NDArray[np.float32], boxes: NDArray[np.float64], size_wh: tuple[int, int], shape: Shape
) -> NDArray[np.float64]:
    """(N,) float64: covered share of every true ellipse inside the picture, from points spread evenly over it."""
    index = np.arange(_POINTS) + 0.5
    spiral = index * np.pi * (3 - np.sqrt(5))
    disc = np.sqrt(index / _POINTS)[:, None] * np.column_stack([np.cos(spiral), np.sin(spiral)])
    centres, halves = (truth[:, :2] + truth[:, 2:]) / 2, (truth[:, 2:] - truth[:, :2]) / 2
    points = centres[:, None] + disc * halves[:, None]
    seen = ((points >= 0) & (points < np.array(size_wh))).all(axis=2)
    middles, reach = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum((boxes[:, 2:] - boxes[:, :2]) / 2, 1e-6)
    away = (points[:, :, None] - middles) / reach
    within = (away**2).sum(axis=3) <= 1 if shape == "ellipse" else (np.abs(away) <= 1).all(axis=3)
    covered = within.any(axis=2) & seen
    count = seen.sum(axis=1)
    return np.where(count > 0, covered.sum(axis=1) / np.maximum(count, 1), np.nan)


def _near(frames: Sequence[FrameTruth]) -> list[NDArray[np.float32]]:
    """For each frame (K, 4) float32: where something covered has to do with a face."""
    times = np.array([frame.time for frame in frames])
    first = np.searchsorted(times, times - _NEAR_SECONDS, side="left")
    last = np.searchsorted(times, times + _NEAR_SECONDS, side="right")
    grown = [around(frame.boxes, _NEAR_GROW) for frame in frames]
    return [np.concatenate(grown[a:b]) for a, b in zip(first, last, strict=True)]


def _inside(points: NDArray[np.float64], boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(M,) bool: whether each of (M, 2) points lies in any of the boxes."""
    at = points[:, None]
    within: NDArray[np.bool_] = np.logical_and(at >= boxes[None, :, :2], at <= boxes[None, :, 2:])
    return np.asarray(np.any(np.all(within, axis=2), axis=1))


def main() -> None:
    """Print the coverage of one output as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("clip", help="name of a clip of fixtures.clips")
    parser.add_argument("output", type=Path, help="the redacted file")
    parser.add_argument("--fill", default="128,128,128", help="R,G,B of what is covered")
    parser.add_argument("--by", choices=("time", "order"), default="time")
    given = parser.parse_args()
    red, green, blue = (int(v) for v in given.fill.split(","))
    result = coverage_of_video(clip(given.clip), given.output, fill=(red, green, blue), by=given.by)
    print(json.dumps(result.summary(), indent=1))


if __name__ == "__main__":
    main()


__all__ = ["BLACK", "GREY", "Coverage", "coverage_of_boxes", "coverage_of_video"]
