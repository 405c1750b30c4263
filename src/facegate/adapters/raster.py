"""Filled shapes and lines without anti-aliasing, on the pixels on which OpenCV sets them.

A network was trained on control images of OpenCV's, so the pixels are to be the same, edges included: which pixel a
line takes at a tie, how a thick line ends, in whole numbers as OpenCV counts (modules/imgproc/src/drawing.cpp,
Apache-2.0). The tests compare. All edges of all shapes of a call are walked at once.

Does not match: lines that leave the canvas, which OpenCV clips before it walks them: up to a pixel beside the border.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Canvas = NDArray[np.uint8]
Whole = NDArray[np.int64]

# OpenCV's fractions of a pixel when it walks the edges of a thick line.
_ONE: Final = 1 << 16
_HALF: Final = _ONE >> 1
# OpenCV's table of sines has seven decimals in float32.
_SINES: Final = np.sin(np.radians(np.arange(451))).round(7).astype(np.float32).astype(np.float64)


def disc(canvas: Canvas, centre: ArrayLike, radius: int, colour: ArrayLike) -> None:
    """Fill a circle, in place.

    Args:
        canvas: (H, W, 3) uint8.
        centre: x and y, whole pixels.
        radius: pixels.
        colour: three numbers, in the order of the canvas.
    """
    x, y = (int(each) for each in np.asarray(centre))
    half = _half_widths(radius)
    rows = np.arange(y - radius, y + radius + 1)
    _fill_rows(canvas, rows, x - half, x + half, colour)


def ellipse(canvas: Canvas, centre: ArrayLike, axes: ArrayLike, degrees: int, colour: ArrayLike) -> None:
    """Fill an ellipse drawn as a polygon of one corner a degree, in place.

    Args:
        canvas: (H, W, 3) uint8.
        centre: x and y, whole pixels.
        axes: half of the length along and across, whole pixels.
        degrees: of its first axis, clockwise as seen.
        colour: three numbers, in the order of the canvas.
    """
    along, across = (int(each) for each in np.asarray(axes))
    turn = np.arange(361)
    x, y = along * _SINES[450 - turn], across * _SINES[turn]
    degrees %= 360
    sine = _SINES[degrees]
    cosine = _SINES[450 - degrees] if degrees else 1.0
    corners = np.rint(np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=1)).astype(np.int64)
    convex(canvas, corners + np.asarray(centre, np.int64), colour)


def convex(canvas: Canvas, corners: Whole, colour: ArrayLike) -> None:
    """Fill a shape, in place, from the first to the last column of its outline in each row.

    Args:
        canvas: (H, W, channels) uint8.
        corners: (N, 2) int64, whole pixels, x and y, in their order round the shape.
        colour: as many numbers as the canvas has channels.
    """
    following = np.roll(corners, -1, axis=0)
    outline, sides = _walk(corners, following), _sides(corners * _ONE, following * _ONE)
    x, y = (np.concatenate(each) for each in zip(outline, sides[:2], strict=True))
    _, rows, left, right = _spans(np.zeros(len(x), np.int64), x, y)
    _fill_rows(canvas, rows, left, right, colour)


def lines(canvas: Canvas, starts: ArrayLike, ends: ArrayLike, colours: ArrayLike) -> None:
    """Draw lines two pixels thick, in place, later ones over earlier ones.

    Args:
        canvas: (H, W, 3) uint8.
        starts: (N, 2) whole pixels, x and y.
        ends: (N, 2) whole pixels.
        colours: (N, 3), in the order of the canvas.
    """
    begin, end = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
    colour = np.asarray(colours)
    count = len(begin)
    which = np.arange(count)
    # A rectangle that reaches a pixel to either side, its corners in fractions, and a disc of radius 1 at both ends.
    step = end - begin
    length = np.hypot(step[:, 0], step[:, 1])
    scale = np.divide(_ONE, length, out=np.zeros(count), where=length > 0)
    across = np.rint(np.stack([-step[:, 1], step[:, 0]], axis=1) * scale[:, None]).astype(np.int64)
    first, last = begin * _ONE, end * _ONE
    corners = np.stack([first - across, first + across, last + across, last - across])
    edges = np.roll(corners, 1, axis=0).reshape(-1, 2), corners.reshape(-1, 2)
    x, y, edge = (np.concatenate(each) for each in zip(_walk_fractions(*edges), _sides(*edges), strict=True))
    owner = np.tile(which, 4)[edge]
    keep = length[owner] > 0
    pieces = [_spans(owner[keep] * 3, x[keep], y[keep])]
    half = _half_widths(1)
    for place, points in ((1, begin), (2, end)):
        rows = points[:, 1:] + np.arange(-1, 2)
        left, right = points[:, :1] - half, points[:, :1] + half
        key = np.repeat(which * 3 + place, 3)
        pieces.append((key, rows.ravel(), left.ravel(), right.ravel()))
    key, rows, left, right = (np.concatenate(each) for each in zip(*pieces, strict=True))
    order = np.argsort(key, kind="stable")
    _fill_rows(canvas, rows[order], left[order], right[order], colour[key[order] // 3])


def _half_widths(radius: int) -> Whole:
    """Half of the width of each row of a disc, from the top down; the midpoint rule."""
    half = np.zeros(2 * radius + 1, np.int64)
    wide, tall, error, plus, minus = radius, 0, 0, 1, 2 * radius - 1
    while wide >= tall:
        for row, reach in ((tall, wide), (wide, tall)):
            half[[radius - row, radius + row]] = np.maximum(half[radius + row], reach)
        tall += 1
        error += plus
        plus += 2
        if error > 0:
            error -= minus
            wide -= 1
            minus -= 2
    return half


def _walk(begin: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Pixels of lines between whole pixels, from the left end to the right one; half a pixel is rounded back."""
    swap = (end[:, 0] < begin[:, 0])[:, None]
    begin, end = np.where(swap, end, begin), np.where(swap, begin, end)
    step = end - begin
    steps = np.abs(step).max(axis=1)
    edge, at = _counted(steps + 1)
    major = np.maximum(steps, 1)[edge]
    moved = (2 * at[:, None] * np.abs(step)[edge] + major[:, None] - 1) // (2 * major[:, None])
    x, y = (begin[edge] + np.sign(step)[edge] * moved).T
    return x, y


def _walk_fractions(begin: Whole, end: Whole) -> tuple[Whole, Whole, Whole]:
    """Pixels of lines between points in fractions of a pixel, and the number of the line of each."""
    step = end - begin
    flat = np.abs(step[:, 0]) > np.abs(step[:, 1])
    major = np.where(flat, 0, 1)
    row = np.arange(len(begin))
    swap = (step[row, major] < 0)[:, None]
    begin, end = np.where(swap, end, begin), np.where(swap, begin, end)
    step = end - begin
    length = step[row, major]
    rise = step[row, 1 - major]
    # Cut off towards zero, as C divides.
    slope = np.sign(rise) * ((np.abs(rise) * _ONE) // (length | 1))
    edge, at = _counted((length >> 16) + 1)
    along = ((begin[row, major] + _HALF) >> 16)[edge] + at
    beside = ((begin[row, 1 - major] + _HALF)[edge] + slope[edge] * at) >> 16
    last = (end + _HALF) >> 16
    x = np.where(flat[edge], along, beside)
    y = np.where(flat[edge], beside, along)
    return np.concatenate([x, last[:, 0]]), np.concatenate([y, last[:, 1]]), np.concatenate([edge, row])


def _sides(begin: Whole, end: Whole) -> tuple[Whole, Whole, Whole]:
    """Where the sides of a filled shape, in fractions of a pixel, cross the rows; half a pixel is rounded on.

    The rows are those from the upper end, whose column counts for its whole row, to above the lower end.
    """
    swap = (end[:, 1] < begin[:, 1])[:, None]
    begin, end = np.where(swap, end, begin), np.where(swap, begin, end)
    top = (begin[:, 1] + _HALF) >> 16
    rows = ((end[:, 1] + _HALF) >> 16) - top
    edge, at = _counted(rows)
    twice = 2 * (end[:, 0] - begin[:, 0]) + rows
    # Cut off towards zero, as C divides.
    slope = np.sign(twice) * (np.abs(twice) // np.maximum(2 * rows, 1))
    x = (begin[edge, 0] + slope[edge] * at + _HALF) >> 16
    return x, top[edge] + at, edge


def _counted(counts: Whole) -> tuple[Whole, Whole]:
    """Who, and his how-manieth, of so many of each."""
    who = np.repeat(np.arange(len(counts)), counts)
    return who, np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)


def _spans(owner: Whole, x: Whole, y: Whole) -> tuple[Whole, Whole, Whole, Whole]:
    """Owner, row, first and last column of everything between the outlines of convex shapes."""
    order = np.lexsort((x, y, owner))
    owner, x, y = owner[order], x[order], y[order]
    starts = np.flatnonzero(np.r_[True, (owner[1:] != owner[:-1]) | (y[1:] != y[:-1])] if len(x) else [])
    stops = np.r_[starts[1:], len(x)] - 1 if len(x) else starts
    return owner[starts], y[starts], x[starts], x[stops]


def _fill_rows(canvas: Canvas, rows: Whole, left: Whole, right: Whole, colour: ArrayLike) -> None:
    """Set the pixels from left to right of each row; those outside are left out, and the last of several stays."""
    height, width = canvas.shape[:2]
    left, right = np.maximum(left, 0), np.minimum(right, width - 1)
    inside = (rows >= 0) & (rows < height) & (left <= right)
    rows, left, right = rows[inside], left[inside], right[inside]
    colours = np.broadcast_to(np.asarray(colour), (len(inside), canvas.shape[2]))[inside]
    span, at = _counted(right - left + 1)
    canvas[rows[span], left[span] + at] = colours[span]
