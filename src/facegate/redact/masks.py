"""Which cells of a frame are to be covered, for all faces at once.

A cell is what one sample of the coarsest plane stands for: 2x2 pixels in YUV 4:2:0, one pixel in 4:4:4 and RGB.
Covering whole cells keeps luma and chroma together: wherever a face's luma is covered, so is its colour, and the other
way round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.redact.image import Shape
from facegate.redact.kernels import Mask
from facegate.redact.regions import Region, ellipse_spans, regions

Spans: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]

# Masks of faces are made together up to this many cells, four faces of 128 pixels in 4:2:0: arrays
# over 128 KiB are new pages each time, and those cost more than the work.
TOGETHER = 1 << 14


class Grid(NamedTuple):
    """The cells of a frame.

    Attributes:
        across, down: pixels of luma per cell.
        columns, rows: cells in the frame; those at the right and lower edge may stick out of it.
    """

    across: int
    down: int
    columns: int
    rows: int

    def side(self, region: Region) -> int:
        """Longer side of a grown box before clipping, in pixels of luma, whole cells."""
        left, top, right, bottom = region.box
        across, down = math.ceil(right) - math.floor(left), math.ceil(bottom) - math.floor(top)
        return max(1, across * self.across, down * self.down)


class Masks:
    """Masks of several faces, one below the other.

    Args:
        covered: (R, W) bool, per cell.
    """

    def __init__(self, covered: NDArray[np.bool_]) -> None:
        self._covered = covered
        self._scaled: dict[tuple[int, int], Mask] = {}

    def scaled(self, down: int, across: int) -> Mask:
        """(R * down, W * across) uint8 of 0 and 255: each cell `down` samples high and `across`, 1 or 2, wide."""
        scaled = self._scaled.get((down, across))
        if scaled is None:
            # Minus one has all bits set: a cell two samples wide is an int16. `np.repeat` along rows takes tenfold.
            wide = np.negative(self._covered.view(np.int8) if across == 1 else self._covered.astype(np.int16))
            scaled = (wide if down == 1 else np.repeat(wide, down, axis=0)).view(np.uint8)
            self._scaled[down, across] = scaled
        return scaled


class Patch(NamedTuple):
    """What is to be covered of one face.

    Attributes:
        region: in cells.
        masks: where its mask is; None means that the whole region is covered.
        top: first row of its mask there.
    """

    region: Region
    masks: Masks | None = None
    top: int = 0

    def mask(self, window: NDArray[Any], down: int, across: int) -> Mask | None:
        """Of a window with so many samples per cell; at the frame's edge the window may end within a cell."""
        if self.masks is None:
            return None
        top = self.top * down
        return self.masks.scaled(down, across)[top : top + window.shape[0], : window.shape[1]]


class Faces:
    """All that is to be covered in one frame.

    Args:
        grid: the frame's cells.
        boxes: (N, 4) float, xyxy, pixels of luma; what they mean, `regions` says.
        outlines: (K, 2) float each, x and y, pixels of luma. The convex hull is covered, in whatever order the points
            come. One that has a point that is not finite covers its box, that side taken for the frame's edge.
        shape: of boxes.
        margin: growth of boxes and outlines on each side, as a fraction of that side; 0 to 8.

    Raises:
        Refusal: redact.boxes, redact.outlines or redact.margin.
    """

    def __init__(
        self, grid: Grid, boxes: NDArray[Any], outlines: Sequence[NDArray[Any]], *, shape: Shape, margin: float
    ) -> None:
        self._shape = shape
        self._boxes = regions(_in_cells(boxes, grid), grid.rows, grid.columns, margin=margin)
        self._hulls: list[tuple[Region, NDArray[np.float64]]] = []
        for outline in outlines:
            points = _points(outline, grid)
            around = np.concatenate((points.min(axis=0), points.max(axis=0)))[None]
            found = regions(around, grid.rows, grid.columns, margin=margin)
            with np.errstate(invalid="ignore"):  # infinite points: what becomes of them is not finite either
                middle = (around[0, :2] + around[0, 2:]) / 2
                grown = middle + (points - middle) * (1 + 2 * margin)
            self._hulls += [(region, grown) for region in found]

    def __len__(self) -> int:
        return len(self._boxes) + len(self._hulls)

    def __iter__(self) -> Iterator[Patch]:
        """The patches, boxes first, each kind in the order given."""
        if self._shape == "box":
            yield from (Patch(region) for region in self._boxes)
        else:
            begin, spans = 0, _ellipses(self._boxes)
            for together in _in_batches(self._boxes):
                end = begin + sum(region.y1 - region.y0 for region in together)
                yield from _masked(together, (spans[0][begin:end], spans[1][begin:end]))
                begin = end
        for region, points in self._hulls:
            if np.isfinite(points).all():
                yield from _masked([region], hull_spans(points, region.y0, region.y1))
            else:
                yield Patch(region)


def hull_spans(points: NDArray[np.float64], y0: int, y1: int) -> Spans:
    """First column that the convex hull of points touches, and the one behind the last, for rows y0 to y1.

    Not `cv2.fillPoly`: it decides by the middle of a pixel, and leaves holes where an outline crosses itself.

    Args:
        points: (K, 2) finite, x and y; within the rows, or the hull's part above and below is left out.
        y0: first row.
        y1: one behind the last.
    """
    # A margin may take the last of what 32 bits can say beyond it.
    within = np.clip(points, np.finfo(np.float32).min, np.finfo(np.float32).max).astype(np.float32)
    hull = np.asarray(cv2.convexHull(within), np.float64).reshape(-1, 2)
    x, y = hull[:, 0], hull[:, 1]
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    lines = np.arange(y0, y1 + 1, dtype=np.float64)[:, None]
    crossed = (np.minimum(y, next_y) <= lines) & (lines <= np.maximum(y, next_y)) & (y != next_y)
    at = x + (lines - y) * ((next_x - x) / np.where(y == next_y, 1.0, next_y - y))
    left = np.where(crossed, at, np.inf).min(axis=1)
    right = np.where(crossed, at, -np.inf).max(axis=1)
    left, right = np.minimum(left[:-1], left[1:]), np.maximum(right[:-1], right[1:])
    for row in (np.floor(y), np.ceil(y) - 1):  # a corner on a line belongs to the rows on either side
        inside = (row >= y0) & (row < y1)
        index = row[inside].astype(np.int64) - y0
        np.minimum.at(left, index, x[inside])
        np.maximum.at(right, index, x[inside])
    touched = left <= right
    first = np.where(touched, np.floor(left), 0.0)
    return first, np.where(touched, np.maximum(np.ceil(right), first + 1), 0.0)


def _ellipses(together: list[Region]) -> Spans:
    if not together:
        return np.empty(0), np.empty(0)
    heights = [region.y1 - region.y0 for region in together]
    rows = np.concatenate([np.arange(region.y0, region.y1, dtype=np.float64) for region in together])
    left, top, right, bottom = np.repeat(np.array([region.box for region in together]), heights, axis=0).T
    return ellipse_spans(rows, left, top, right, bottom)


def _masked(together: list[Region], spans: Spans) -> Iterator[Patch]:
    """Patches whose masks lie one below the other in one array."""
    heights = np.array([region.y1 - region.y0 for region in together])
    width = max(region.x1 - region.x0 for region in together)
    offset = np.repeat(np.array([region.x0 for region in together]), heights)
    # A span may begin far outside of its window; clipped, its ends fit 16 bits.
    first, behind = (np.clip(edge - offset, 0, width).astype(np.int16)[:, None] for edge in spans)
    columns = np.arange(width, dtype=np.int16)
    masks = Masks((columns >= first) & (columns < behind))
    top = 0
    for region in together:
        yield Patch(region, masks, top)
        top += region.y1 - region.y0


def _in_batches(all_of_them: list[Region]) -> Iterator[list[Region]]:
    batch: list[Region] = []
    width = height = 0
    for region in all_of_them:
        wider, higher = max(width, region.x1 - region.x0), height + region.y1 - region.y0
        if batch and wider * higher > TOGETHER:
            yield batch
            batch, wider, higher = [], region.x1 - region.x0, region.y1 - region.y0
        batch.append(region)
        width, height = wider, higher
    if batch:
        yield batch


def _in_cells(boxes: NDArray[Any], grid: Grid) -> NDArray[Any]:
    if not isinstance(boxes, np.ndarray) or boxes.dtype.kind != "f" or boxes.shape[1:] != (4,):
        raise Refusal("redact.boxes")
    scale = np.array([1 / grid.across, 1 / grid.down] * 2)  # halves and quarters: exact
    return np.asarray(boxes * scale)


def _points(outline: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    if (
        not isinstance(outline, np.ndarray)
        or outline.dtype.kind != "f"
        or outline.shape[1:] != (2,)
        or not len(outline)
    ):
        raise Refusal("redact.outlines")
    return np.asarray(outline * np.array([1 / grid.across, 1 / grid.down]), np.float64)
