"""Redaction of boxes and outlines in one video frame, in place, on its planes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.redact import kernels
from facegate.redact.formats import FORMATS, Layout, PlaneLayout, supported_format
from facegate.redact.image import Shape, Style, blur_width, check_wish, mosaic_block
from facegate.redact.masks import Faces, Grid, Patch

__all__ = ["redact_frame", "supported_format"]

# AVColorRange, libavutil/pixfmt.h.
_LIMITED, _FULL = 1, 2


def redact_frame(
    frame: av.VideoFrame,
    boxes: NDArray[Any],
    *,
    style: Style = "solid",
    shape: Shape = "ellipse",
    margin: float = 0.0,
    outlines: Sequence[NDArray[Any]] | None = None,
) -> None:
    """Make what is in the boxes and outlines unrecognizable, in place, without any conversion of colour.

    Styles are those of `image.redact`. Whole cells are covered (`masks`): in 4:2:0 a region grows to even columns and
    rows, and blocks of a mosaic are even, so those of chroma lie under those of luma. Outside of these cells every
    sample of every plane stays as it is, alpha included; inside, alpha becomes opaque. Regions are redacted one after
    the other, each working on what the earlier ones left, as in `image.redact`.

    A frame that a decoder still refers to gets memory of its own first: otherwise the redaction would be in what
    later frames are predicted from. A frame without anything to cover is neither copied nor touched.

    Args:
        frame: in one of `FORMATS`; changed. Of interlaced frames cells are two chroma rows high: each field has every
            second row. Memory that a frame borrows (`VideoFrame.from_numpy_buffer`) is changed too.
        boxes: (N, 4) float, xyxy, pixels of the coded frame, origin top left; what they mean, `regions` says.
        style: how.
        shape: the whole box, or the ellipse inside it.
        margin: growth on each side, as a fraction of that side of the box or outline; 0 to 8.
        outlines: covered beside the boxes: (K, 2) float each, x and y, pixels; the convex hull of the points.

    Raises:
        Refusal: format.pixels, redact.boxes, redact.outlines, redact.style, redact.shape or redact.margin; nothing was
            changed then.
    """
    layout = FORMATS.get(frame.format.name)
    if layout is None:
        raise Refusal("format.pixels")
    check_wish(style, shape)
    grid = _grid(frame, layout)
    faces = Faces(grid, boxes, () if outlines is None else outlines, shape=shape, margin=margin)
    if not len(faces):
        return
    frame.make_writable()
    planes = [
        _Plane.of(frame, plane, part, layout, grid) for plane, part in zip(frame.planes, layout.planes, strict=True)
    ]
    for patch in faces:
        side = grid.side(patch.region)
        strength = blur_width(side) if style == "blur" else mosaic_block(side)
        for plane in planes:
            plane.cover(patch, style, strength)
    for plane in planes:
        if plane.memory is not None:
            plane.memory[...] = plane.samples


class _Plane(NamedTuple):
    """One plane of a frame at work.

    Attributes:
        samples: (h, w) or (h, w, C) uint8 or uint16, writable.
        memory: where samples are to be written back to, if they are a copy.
        part: what they mean.
        down: samples per cell, below one another.
        across: beside one another.
        grey: what solid paints.
        alpha: channel that is alpha, or None.
        opaque: the largest value.
    """

    samples: NDArray[Any]
    memory: NDArray[Any] | None
    part: PlaneLayout
    down: int
    across: int
    grey: int
    alpha: int | None
    opaque: int

    @classmethod
    def of(
        cls, frame: av.VideoFrame, plane: av.video.plane.VideoPlane, part: PlaneLayout, layout: Layout, grid: Grid
    ) -> _Plane:
        """The plane of a frame whose memory is its own."""
        samples, memory = _view(plane, part, layout)
        down, across, opaque = grid.down // part.down, grid.across // part.across, (1 << layout.depth) - 1
        return cls(samples, memory, part, down, across, _grey(frame, layout, part), layout.alpha, opaque)

    def cover(self, patch: Patch, style: Style, strength: int) -> None:
        """Redact one face.

        Args:
            patch: where.
            style: how.
            strength: pixels of luma: edge of a mosaic's blocks, or of the filters of blur.
        """
        down, across, part, region = self.down, self.across, self.part, patch.region
        window = self.samples[region.y0 * down : region.y1 * down, region.x0 * across : region.x1 * across]
        mask = patch.mask(window, down, across)
        if part.kind == "alpha":
            kernels.solid(window, mask, value=self.opaque)
            return
        size = (strength // part.down, strength // part.across)
        if style == "solid" or min(window.shape[:2]) < kernels.SMALLEST:
            kernels.solid(window, mask, value=self.grey)
        elif style == "pixelate":
            kernels.spread(kernels.block_means(window, size, quick=True), window, mask, block=size)
        else:
            kernels.soften(window, mask, width=(max(3, size[0]), max(3, size[1])))
        if self.alpha is not None:
            kernels.solid(window[..., self.alpha], mask, value=self.opaque)


def _grid(frame: av.VideoFrame, layout: Layout) -> Grid:
    across = max(part.across for part in layout.planes)
    down = max(part.down for part in layout.planes)
    if frame.interlaced_frame and down > 1:
        down *= 2
    return Grid(across, down, -(-frame.width // across), -(-frame.height // down))


def _view(
    plane: av.video.plane.VideoPlane, part: PlaneLayout, layout: Layout
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """A writable (h, w) or (h, w, C) view of a plane's samples, without the padding of its lines.

    A plane whose lines run upwards (raw AVI, the vflip filter) is copied, since OpenCV writes no such view; the second
    part of the answer is where the copy is to be written back to, else None.
    """
    dtype = np.dtype(np.uint8 if layout.depth == 8 else "<u2")
    size = dtype.itemsize
    shape: tuple[int, ...] = (plane.height, plane.width)
    strides: tuple[int, ...] = (plane.line_size, size * part.channels)
    if part.channels > 1:
        shape, strides = (*shape, part.channels), (*strides, size)
    if plane.line_size > 0:
        buffer: Any = plane  # PyAV's stubs do not say that it is one
        return np.ndarray(shape, dtype, np.frombuffer(buffer, np.uint8), 0, strides), None
    # PyAV's buffer begins at the first line, so it ends outside of the memory here; nothing of it may be used.
    lines = -plane.line_size
    lowest = plane.buffer_ptr - lines * (plane.height - 1)
    memory: Any = (ctypes.c_uint8 * (lines * plane.height)).from_address(lowest)
    upright = np.ndarray(shape, dtype, np.frombuffer(memory, np.uint8), lines * (plane.height - 1), strides)
    return upright.copy(), upright


def _grey(frame: av.VideoFrame, layout: Layout, part: PlaneLayout) -> int:
    """The middle of a plane's range.

    Limited luma spans 16 to 235 (ITU-R BT.601, BT.709), times a power of two for more bits. A frame that says nothing
    is limited if it has colour and full if it is grey, as swscale takes it.
    """
    full = layout.full
    if full is None:
        grey = len(layout.planes) == 1
        full = frame.color_range == _FULL or (grey and frame.color_range != _LIMITED)
    if part.kind == "luma" and not full:
        return (251 << (layout.depth - 8)) + 1 >> 1
    return 1 << (layout.depth - 1)
