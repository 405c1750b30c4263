"""What holds for any box in any picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.redact.image import redact
from facegate.redact.regions import regions

COORDINATE = st.one_of(st.floats(-60, 120, width=32), st.floats(width=32), st.integers(-5, 50).map(float))
BOXES = st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE), max_size=5)
STYLES = st.sampled_from(["solid", "pixelate", "blur"])
SHAPES = st.sampled_from(["box", "ellipse"])


def _touched(boxes: np.ndarray, height: int, width: int, margin: float, shape: str) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    for region in regions(boxes, height, width, margin=margin):
        part = region.ellipse() == 255 if shape == "ellipse" else True
        mask[region.y0 : region.y1, region.x0 : region.x1] |= part
    return mask


@settings(max_examples=300, deadline=None)
@given(BOXES, st.integers(1, 50), st.integers(1, 50), STYLES, SHAPES, st.floats(0, 2), st.integers(0, 99))
def test_only_what_a_box_touches_changes(boxes, height, width, style, shape, margin, seed):
    """Outside bit for bit, alpha included; inside alpha is opaque, and solid is solid."""
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    alpha = rng.integers(0, 255, (height, width), dtype=np.uint8)
    rgb_before, alpha_before = rgb.copy(), alpha.copy()
    array = np.array(boxes, np.float32).reshape(-1, 4)
    redact(rgb, alpha, array, style=style, shape=shape, margin=margin)
    mask = _touched(array, height, width, margin, shape)
    assert np.array_equal(rgb[~mask], rgb_before[~mask])
    assert np.array_equal(alpha[~mask], alpha_before[~mask])
    assert (alpha[mask] == 255).all()
    if style == "solid":
        assert (rgb[mask] == 128).all()


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0, 49, width=32), st.floats(0, 39, width=32), st.floats(0, 50, width=32), st.floats(0, 40, width=32),
    st.floats(0, 1),
)  # fmt: skip
def test_every_point_of_a_box_is_covered(x, y, across, down, margin):
    """The pixel under each point of the box, its far corner excepted, belongs to the region; so it does if inverted."""
    box = np.array([[x, y, x + across, y + down]], np.float32)
    for given_box in (box, box[:, [2, 3, 0, 1]]):
        mask = _touched(given_box, 40, 50, margin, "box")
        columns = np.unique(np.floor(np.linspace(box[0, 0], np.nextafter(box[0, 2], box[0, 0]), 99)).astype(int))
        rows = np.unique(np.floor(np.linspace(box[0, 1], np.nextafter(box[0, 3], box[0, 1]), 99)).astype(int))
        columns, rows = columns[columns < 50], rows[rows < 40]
        assert mask[np.ix_(rows, columns)].all()


@settings(max_examples=200, deadline=None)
@given(BOXES, STYLES, SHAPES)
def test_redacting_again_with_the_same_boxes_never_restores(boxes, style, shape):
    """A second pass leaves solid as it is and no style with more values than before."""
    rgb = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    original = rgb.copy()
    array = np.array(boxes, np.float32).reshape(-1, 4)
    redact(rgb, None, array, style=style, shape=shape)
    once = rgb.copy()
    redact(rgb, None, array, style=style, shape=shape)
    if style == "solid":
        assert np.array_equal(rgb, once)
    changed = (once != original).any(axis=2)
    assert (rgb[changed] == original[changed]).all(axis=1).mean() < 0.05 if changed.any() else True
