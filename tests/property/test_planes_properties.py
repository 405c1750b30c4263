"""What holds for any boxes in any frame."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facegate.redact.formats import FORMATS
from facegate.redact.planes import redact_frame
from facegate.redact.regions import regions
from tests.unit.redact import reference

COORDINATE = st.one_of(st.floats(-60, 120, width=32), st.floats(width=32), st.integers(-5, 50).map(float))
BOXES = st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE), max_size=5)
OUTLINES = st.lists(st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=9), max_size=2)
STYLES = st.sampled_from(["solid", "pixelate", "blur"])
SHAPES = st.sampled_from(["box", "ellipse"])
FORMAT = st.sampled_from(sorted(FORMATS))


def _cells(frame: object, boxes: np.ndarray, margin: float, shape: str) -> np.ndarray:
    """Cells that the boxes touch: `regions` on the grid of cells."""
    down, across = reference.cell(frame)  # type: ignore[arg-type]
    height, width = -(-frame.height // down), -(-frame.width // across)  # type: ignore[attr-defined]
    mask = np.zeros((height, width), bool)
    for region in regions(boxes / np.array([across, down] * 2), height, width, margin=margin):
        part = region.ellipse() == 255 if shape == "ellipse" else True
        mask[region.y0 : region.y1, region.x0 : region.x1] |= part
    return mask


@settings(max_examples=400, deadline=None)
@example("abgr", [], [[(0.0, 0.0), (0.0, 1.7014118346046923e38)]], 1, 1, "solid", "box", 1.0)
@given(FORMAT, BOXES, OUTLINES, st.integers(1, 50), st.integers(1, 50), STYLES, SHAPES, st.floats(0, 2))
def test_only_cells_that_a_face_touches_change(pixel_format, boxes, outlines, height, width, style, shape, margin):
    """Outside every plane is the same to the bit, padding included; inside alpha is opaque and solid is solid."""
    frame = reference.noise(width, height, pixel_format, seed=len(boxes))
    layout, before = FORMATS[pixel_format], reference.samples(frame)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    polygons = [np.array(outline, np.float32) for outline in outlines]
    redact_frame(frame, array, style=style, shape=shape, margin=margin, outlines=polygons)
    inside = _cells(frame, array, margin, shape)
    around = [np.concatenate((points.min(axis=0), points.max(axis=0))) for points in polygons]
    outer = inside | _cells(frame, np.array(around, np.float32).reshape(-1, 4), margin, "box")
    for index, (old, new) in enumerate(zip(before, reference.samples(frame), strict=True)):
        outside, covered = ~reference.grown(outer, frame, index), reference.grown(inside, frame, index)
        assert np.array_equal(new[outside], old[outside])
        opaque, alpha = (1 << layout.depth) - 1, layout.alpha
        if layout.planes[index].kind == "alpha":
            assert (new[covered] == opaque).all()
            continue
        if alpha is not None:
            assert (new[covered][:, alpha] == opaque).all()
        if style == "solid":
            colours = [channel for channel in range(new.shape[2]) if channel != alpha]
            assert len(np.unique(new[covered][:, colours])) <= 1


@settings(max_examples=150, deadline=None)
@given(FORMAT, BOXES, OUTLINES, st.integers(1, 50), st.integers(1, 50), SHAPES)
def test_solid_twice_is_solid_once(pixel_format, boxes, outlines, height, width, shape):
    """What a second pass over the same faces finds, it leaves."""
    frame = reference.noise(width, height, pixel_format)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    polygons = [np.array(outline, np.float32) for outline in outlines]
    redact_frame(frame, array, shape=shape, outlines=polygons)
    once = reference.memory(frame)
    redact_frame(frame, array, shape=shape, outlines=polygons)
    assert all(np.array_equal(*pair) for pair in zip(once, reference.memory(frame), strict=True))


@settings(max_examples=150, deadline=None)
@given(
    st.floats(0, 49, width=32), st.floats(0, 39, width=32), st.floats(8, 50, width=32), st.floats(8, 40, width=32),
    st.sampled_from(["yuv420p", "yuv422p", "yuv444p", "rgb24"]),
)  # fmt: skip
def test_every_point_of_a_box_is_covered(x, y, across, down, pixel_format):
    """Luma of the pixel under each of a hundred points of the box."""
    frame = reference.noise(50, 40, pixel_format)
    redact_frame(frame, np.array([[x, y, x + across, y + down]], np.float32), shape="box")
    luma = reference.samples(frame)[0]
    for part in np.linspace(0, 0.999, 10):
        for other in np.linspace(0, 0.999, 10):
            column, row = int(x + part * across), int(y + other * down)
            if column < 50 and row < 40:
                assert (luma[row, column] == luma[int(y), int(x)]).all()
    assert (luma[int(y), int(x)] == (128 if pixel_format == "rgb24" else 126)).all()
