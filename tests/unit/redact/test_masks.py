"""Masks of cells: outlines, many faces at once."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.redact import masks
from facegate.redact.masks import Faces, Grid, hull_spans
from facegate.redact.planes import redact_frame
from facegate.redact.regions import regions
from tests.unit.redact import reference

OVAL = np.array([(30 + 17.3 * np.cos(t), 28 + 22.8 * np.sin(t)) for t in np.linspace(0, 6.1, 36)], np.float32)
SHAPES = {
    "oval": OVAL,
    "shuffled": np.random.default_rng(0).permutation(OVAL),
    "triangle": np.array([[5.2, 4.1], [50.9, 20.3], [12.5, 55.5]], np.float32),
    "sliver": np.array([[5.2, 4.1], [50.9, 54.3], [51.2, 54.2]], np.float32),
    "line": np.array([[5.2, 4.1], [50.9, 54.3]], np.float32),
    "flat": np.array([[5.2, 9.0], [50.9, 9.0], [20.0, 9.0]], np.float32),
    "point": np.array([[17.5, 9.5]], np.float32),
    "grid points": np.array([[4, 4], [40, 4], [40, 40], [4, 40]], np.float32),
    "bow tie": np.array([[4, 4], [40, 40], [40, 4], [4, 40]], np.float32),
    "out of the frame": np.array([[-30, 20], [30, -30], [90, 30], [30, 90]], np.float32),
}


def _touched(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels that the hull touches, from 24x24 points in each: on the same side of every pair's line as the others."""
    y, x = (np.arange(n * 24)[:, None] / 24 + 1 / 48 for n in (height, width))
    inside = np.ones((height * 24, width * 24), bool)
    for a in points.astype(float):
        for b in points.astype(float):
            side = (points[:, 0] - a[0]) * (b[1] - a[1]) - (points[:, 1] - a[1]) * (b[0] - a[0])
            if (a != b).any() and (side <= 1e-9).all():
                inside &= (x.T - a[0]) * (b[1] - a[1]) - (y - a[1]) * (b[0] - a[0]) <= 0
    return inside.reshape(height, 24, width, 24).any(axis=(1, 3))


@pytest.mark.parametrize("name", SHAPES)
def test_an_outline_covers_what_its_hull_touches(name: str):
    """All of it, and no pixel that is not at least next to it."""
    points = SHAPES[name]
    faces = Faces(Grid(1, 1, 60, 58), np.zeros((0, 4), np.float32), [points], shape="box", margin=0.0)
    covered = np.zeros((58, 60), bool)
    for patch in faces:
        region = patch.region
        window = covered[region.y0 : region.y1, region.x0 : region.x1]
        mask = patch.mask(window, 1, 1)
        window |= True if mask is None else mask == 255
    if name in ("point", "line", "flat"):
        for x, y in points:
            assert covered[min(int(y), 57), min(int(x), 59)]
    else:
        touched = _touched(points, 58, 60)
        assert touched.any()
        assert (covered >= touched).all()
        assert (covered != touched).sum() <= 0.03 * touched.sum() + 8
    assert covered.any()


def test_rows_beyond_the_hull_have_no_span():
    """Two equal ends."""
    first, behind = hull_spans(np.array([[3.0, 4.2], [9.0, 4.5], [5.0, 7.5]]), 0, 12)
    assert (first[:4] == behind[:4]).all()
    assert (first[8:] == behind[8:]).all()
    assert (first[4:8] < behind[4:8]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_point_that_is_not_finite_covers_to_the_frames_edge(bad: float, axis: int):
    """Rather too much: that side of the outline's box is the frame's."""
    points = SHAPES["oval"].copy()
    points[7, axis] = bad
    frame = reference.noise(80, 80, "yuv420p")
    before = reference.samples(frame)[0]
    redact_frame(frame, np.zeros((0, 4), np.float32), outlines=[points])
    changed = (reference.samples(frame)[0] != before)[:, :, 0]
    assert changed[6:50, 14:46].mean() > 0.95
    edge = changed.any(axis=axis)
    assert edge[0] or edge[-1]


@pytest.mark.parametrize("style", ["solid", "pixelate", "blur"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "rgb24", "yuva420p"])
def test_an_outline_is_redacted_in_all_planes_and_nothing_else(pixel_format: str, style: str):
    """Samples outside of the cells that the hull touches stay; luma inside is changed."""
    frame = reference.noise(64, 64, pixel_format)
    before = reference.samples(frame)
    redact_frame(frame, np.zeros((0, 4), np.float32), style=style, outlines=[OVAL])  # type: ignore[arg-type]
    down, across = reference.cell(frame)
    touched = _touched(OVAL / np.array([across, down]), 64 // down, 64 // across)
    wider = ((OVAL - [30, 28]) * 1.02 + [30, 28]) / np.array([across, down])
    loose = _touched(wider, 64 // down, 64 // across)
    for index, (old, new) in enumerate(zip(before, reference.samples(frame), strict=True)):
        changed = (old != new).any(axis=2)
        assert not changed[~reference.grown(loose, frame, index)].any()
        assert changed[reference.grown(touched, frame, index)].mean() > 0.9


def test_a_margin_grows_an_outline_on_each_side():
    """By that fraction of its width and height."""
    square = np.array([[20, 20], [40, 20], [40, 40], [20, 40]], np.float32)
    frame = reference.noise(80, 80, "gray")
    before = reference.samples(frame)[0]
    redact_frame(frame, np.zeros((0, 4), np.float32), outlines=[square], margin=0.25)
    changed = (reference.samples(frame)[0] != before)[:, :, 0]
    assert np.flatnonzero(changed.any(axis=0))[[0, -1]].tolist() == [15, 44]
    assert np.flatnonzero(changed.any(axis=1))[[0, -1]].tolist() == [15, 44]


@pytest.mark.parametrize("together", [1, 500, 5_000, 1 << 15, 1 << 24])
def test_masks_made_together_are_those_made_one_by_one(together: int, monkeypatch: pytest.MonkeyPatch):
    """Whatever is made in one piece; against `Region.ellipse`, in the frame's corners too."""
    monkeypatch.setattr(masks, "TOGETHER", together)
    rng = np.random.default_rng(1)
    corners = rng.uniform(-40, 240, (60, 2))
    boxes = np.concatenate((corners, corners + rng.uniform(1, 90, (60, 2))), axis=1).astype(np.float32)
    grid = Grid(2, 2, 100, 90)
    patches = list(Faces(grid, boxes, (), shape="ellipse", margin=0.1))
    expected = regions(boxes / 2, 90, 100, margin=0.1)
    assert len(patches) == len(expected) > 30
    for patch, region in zip(patches, expected, strict=True):
        assert patch.region == region
        ellipse = region.ellipse()
        for down, across in ((1, 1), (2, 2), (1, 2), (4, 2)):
            window = np.empty((ellipse.shape[0] * down, ellipse.shape[1] * across))
            assert np.array_equal(patch.mask(window, down, across), ellipse.repeat(down, 0).repeat(across, 1))
