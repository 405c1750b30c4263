"""Which pixels a box means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal


@dataclass(frozen=True, slots=True)
class Region:
    """The pixels of one grown box, clipped to the frame.

    Attributes:
        x0, y0: first column and row.
        x1, y1: one behind the last.
        box: the grown box before clipping, xyxy, pixels: its ellipse, and the coarseness of a mosaic, follow from it.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    box: tuple[float, float, float, float]

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """First column and row, and those behind the last."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def side(self) -> int:
        """Longer side of the grown box, whole pixels, at least 1."""
        return max(1, int(np.ceil(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))))

    def window(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """View of the region in an (H, W) or (H, W, C) plane."""
        return plane[self.y0 : self.y1, self.x0 : self.x1]

    def ellipse(self) -> NDArray[np.uint8]:
        """(h, w) uint8 mask, 255 on every pixel that the ellipse inside the grown box touches.

        From spans per row: `cv2.ellipse` rounds centre and axes, and loses up to a pixel at the rim.
        """
        rows = np.arange(self.y0, self.y1, dtype=np.float64)
        first, behind = (edge[:, None] for edge in ellipse_spans(rows, *self.box))
        columns = np.arange(self.x0, self.x1)
        inside = (columns >= first) & (columns < behind)
        return inside.view(np.uint8) * np.uint8(255)


def ellipse_spans(
    rows: NDArray[np.float64],
    left: NDArray[np.float64] | float,
    top: NDArray[np.float64] | float,
    right: NDArray[np.float64] | float,
    bottom: NDArray[np.float64] | float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First column that the ellipse inside a box touches, and the one behind the last, for each row.

    Args:
        rows: (R,) whole numbers; several boxes' rows may follow one another.
        left: of the box; or (R,): of the box of each row. So are the next three.
        top: an ellipse is at least one pixel wide and high.
        right: pixels, as all.
        bottom: below `top`.

    Returns:
        Two (R,); equal where the row is not touched. Not clipped.
    """
    half_width, half_height = np.maximum((right - left) / 2, 0.5), np.maximum((bottom - top) / 2, 0.5)
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    # Where the ellipse is widest within the row, which covers [row, row + 1].
    off = np.maximum(0.0, np.maximum(rows - centre_y, centre_y - rows - 1)) / half_height
    reach = half_width * np.sqrt(np.maximum(0.0, 1.0 - off * off))
    first = np.floor(centre_x - reach)
    return first, np.where(off <= 1.0, np.ceil(centre_x + reach), first)


def regions(boxes: NDArray[Any], height: int, width: int, *, margin: float) -> list[Region]:
    """Grow boxes and find the pixels that they touch; boxes wholly outside the frame have none.

    In doubt too much is covered: swapped corners are put in order, and a coordinate that is not a number means the
    frame's edge. A box without area covers the pixel that it lies in.

    Args:
        boxes: (N, 4) float, xyxy, pixels, origin top left.
        height: of the frame, pixels.
        width: of the frame, pixels.
        margin: how far a box grows on each side, as a fraction of that side's length; 0 to 8.

    Raises:
        Refusal: redact.boxes or redact.margin.
    """
    if not isinstance(boxes, np.ndarray) or boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind != "f":
        raise Refusal("redact.boxes")
    if not 0.0 <= margin <= 8.0:
        raise Refusal("redact.margin")
    edges = np.array([0, 0, width, height], dtype=np.float64)
    # Bounded before growing: a frame's size beyond the frame is as good as infinity, and stays exact.
    corners = np.clip(
        np.where(np.isnan(boxes), edges, boxes), [-width, -height] * 2, [2 * width, 2 * height] * 2, dtype=np.float64
    )
    low, high = np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])
    grow = (high - low) * margin
    low, high = low - grow, high + grow
    first = np.maximum(np.floor(low), 0)
    behind = np.minimum(np.maximum(np.ceil(high), np.floor(low) + 1), [width, height])
    whole = np.concatenate((first, behind), axis=1).astype(np.int64)
    grown = np.concatenate((low, high), axis=1)
    return [
        Region(x0, y0, x1, y1, (box[0], box[1], box[2], box[3]))
        for (x0, y0, x1, y1), box in zip(whole.tolist(), grown.tolist(), strict=True)
        if x0 < x1 and y0 < y1
    ]
