"""Redaction of boxes in one picture."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.redact import kernels
from facegate.redact.regions import Region, regions

Style = Literal["solid", "pixelate", "blur"]
Shape = Literal["box", "ellipse"]

# A mosaic has at most this many blocks along the longer side of a box: far below what recognition needs, about 16.
BLOCKS = 8


def redact(
    rgb: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None,
    boxes: NDArray[Any],
    *,
    style: Style = "solid",
    shape: Shape = "box",
    margin: float = 0.0,
) -> None:
    """Make what is in the boxes unrecognizable, in place; every pixel outside the grown boxes stays as it is.

    * ``solid``: mid grey. The only style that leaves nothing of the person.
    * ``pixelate``: blocks of even size, at most 8 along the longer side of the grown box.
    * ``blur``: three box filters, each a third of the longer side wide.

    The last two read nothing from outside their own box. Boxes are redacted one after the other, so where they
    overlap, the later one works on what the earlier one left: two mosaics of the same original on different grids
    would tell more than one.

    Args:
        rgb: (H, W, 3) uint8, RGB, C-contiguous, writable; changed.
        alpha: (H, W) uint8, made opaque where redacted; or None.
        boxes: (N, 4) float, xyxy, pixels, origin top left. Out of frame, inverted, empty and not-a-number boxes are
            dealt with as `regions` says: rather too much than too little.
        style: how.
        shape: the whole box, or the ellipse inside it.
        margin: growth on each side, as a fraction of that side of the box; 0 to 8.

    Raises:
        Refusal: redact.boxes, redact.style, redact.shape, redact.margin or output.shape; nothing was changed then.
    """
    check_wish(style, shape)
    _check(rgb, alpha)
    for region in regions(boxes, *rgb.shape[:2], margin=margin):
        mask = region.ellipse() if shape == "ellipse" else None
        apply(region.window(rgb), mask, region, style=style)
        if alpha is not None:
            kernels.solid(region.window(alpha), mask, value=255)


def apply(window: kernels.Window, mask: kernels.Mask | None, region: Region, *, style: Style) -> None:
    """Redact one window with the strength that its region's size asks for.

    Args:
        window: (h, w) or (h, w, C) uint8, changed in place.
        mask: (h, w) uint8 of 0 and 255, or None.
        region: where the window lies, in the window's own scale.
        style: how.
    """
    if style == "solid":
        kernels.solid(window, mask)
    elif style == "pixelate":
        kernels.pixelate(window, mask, block=mosaic_block(region.side))
    else:
        kernels.blur(window, mask, width=blur_width(region.side))


def mosaic_block(side: int, *, step: int = 2) -> int:
    """Edge of a mosaic's blocks.

    Args:
        side: longer side of the region, pixels.
        step: the edge is a multiple of it.
    """
    return max(1, -(-side // (BLOCKS * step))) * step


def blur_width(side: int) -> int:
    """Edge of each of the three box filters for a region with that longer side, in pixels."""
    return max(3, side // 3)


def check_wish(style: object, shape: object) -> None:
    """Nothing, for a style and a shape that exist.

    Raises:
        Refusal: redact.style or redact.shape.
    """
    if style not in get_args(Style):
        raise Refusal("redact.style")
    if shape not in get_args(Shape):
        raise Refusal("redact.shape")


def _check(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape or not _ours(rgb):
        raise Refusal("output.shape")
    if alpha is not None and (alpha.shape != rgb.shape[:2] or not _ours(alpha)):
        raise Refusal("output.shape")


def _ours(plane: NDArray[np.uint8]) -> bool:
    return plane.dtype == np.uint8 and plane.flags.c_contiguous and plane.flags.writeable
