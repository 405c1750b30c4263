"""Redaction of boxes in a picture."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.redact.image import redact

STYLES = ("solid", "pixelate", "blur")
SHAPES = ("box", "ellipse")


def _noise(height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _boxes(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _detail(rgb: np.ndarray, row: slice, column: slice) -> float:
    """Mean difference between neighbours; about 85 in noise."""
    return float(np.abs(np.diff(rgb[row, column].astype(int), axis=1)).mean())


@pytest.mark.parametrize("style", STYLES)
def test_a_box_is_redacted_and_the_rest_identical(style: str):
    """To the bit outside, unreadable inside."""
    rgb = _noise()
    before = rgb.copy()
    redact(rgb, None, _boxes((10, 20, 50, 55)), style=style)
    outside = np.ones(rgb.shape[:2], bool)
    outside[20:55, 10:50] = False
    assert np.array_equal(rgb[outside], before[outside])
    assert (rgb[20:55, 10:50] != before[20:55, 10:50]).any(axis=2).mean() > 0.95
    assert _detail(rgb, slice(20, 55), slice(10, 50)) < 8


@pytest.mark.parametrize("style", STYLES)
def test_an_ellipse_leaves_the_corners_of_its_box(style: str):
    """And takes the middle of each side."""
    rgb = _noise()
    before = rgb.copy()
    redact(rgb, None, _boxes((10, 20, 50, 56)), style=style, shape="ellipse")
    changed = (rgb != before).any(axis=2)
    for y, x in ((20, 10), (20, 49), (55, 10), (55, 49)):
        assert not changed[y, x]
    for y, x in ((20, 30), (55, 30), (38, 10), (38, 49), (38, 30)):
        assert changed[y, x]
    assert not changed[:20].any()
    assert not changed[56:].any()
    assert not changed[:, :10].any()
    assert not changed[:, 50:].any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", STYLES)
def test_the_last_row_and_column_are_covered(style: str, shape: str):
    """A box that ends at the frame's edge covers it: the pixel behind 79 is the frame's end."""
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[-1], rgb[:, -1] = 255, 255
    redact(rgb, None, _boxes((40, 30, 80, 60)), style=style, shape=shape)
    assert (rgb[-1, 60] != 255).any()
    assert (rgb[45, -1] != 255).any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("box", [(0, 0, 80, 60), (-500, -500, 500, 500), (-1e9, -1e9, 1e9, 1e9), (np.nan,) * 4])
def test_a_box_over_the_whole_frame_works(box: tuple[float, ...], style: str, shape: str):
    """Its middle is redacted, and with a box everything."""
    rgb = _noise()
    before = rgb.copy()
    redact(rgb, None, _boxes(box), style=style, shape=shape)
    assert _detail(rgb, slice(25, 35), slice(20, 60)) < 8
    if shape == "box":
        assert (rgb != before).any(axis=2).mean() > 0.95


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("box", [(30.2, 20.3, 30.6, 20.9), (30, 20, 30, 20), (30.9, 20.9, 31.1, 21.1)])
def test_a_tiny_box_covers_the_pixels_that_it_touches(box: tuple[float, ...], style: str, shape: str):
    """Less than a pixel is a pixel."""
    rgb = np.zeros((60, 80, 3), np.uint8)
    redact(rgb, None, _boxes(box), style=style, shape=shape)
    assert (rgb[20, 30] != 0).all()
    assert (rgb != 0).any(axis=2).sum() <= 4


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("boxes", [_boxes(), _boxes((90, 10, 120, 40)), _boxes((-40, -40, -1, -1))])
def test_no_box_or_a_far_one_changes_nothing(boxes: np.ndarray, style: str):
    """Nobody there is no error."""
    rgb = _noise()
    before = rgb.copy()
    redact(rgb, None, boxes, style=style)
    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_overlapping_boxes_leave_nothing_readable(style: str, shape: str):
    """In any order, no part of the union keeps detail."""
    boxes = [(5, 5, 45, 45), (25, 15, 70, 55), (20, 20, 30, 30), (40, 2, 50, 58)]
    for order in (boxes, boxes[::-1]):
        rgb = _noise()
        before = rgb.copy()
        redact(rgb, None, _boxes(*order), style=style, shape=shape)
        changed = (rgb != before).any(axis=2)
        inner = (slice(22, 28), slice(22, 68))  # inside the union, across every rim
        assert changed[inner].mean() > 0.9
        correlation = np.corrcoef(_high(rgb)[inner].ravel(), _high(before)[inner].ravel())[0, 1]
        assert abs(correlation) < 0.4
        assert _detail(rgb, *inner) < 12


def _high(rgb: np.ndarray) -> np.ndarray:
    """Differences between neighbours."""
    return np.diff(rgb.astype(float), axis=1, append=0)


@pytest.mark.parametrize("side", [16, 17, 64, 100, 250])
def test_a_mosaic_has_few_blocks(side: int):
    """At most eight along the longer side, however large the face."""
    rgb = _noise(300, 300)
    redact(rgb, None, _boxes((10, 10, 10 + side, 10 + side * 0.7)), style="pixelate")
    row = rgb[12, 10 : 10 + side].astype(int)
    assert 1 < 1 + (np.abs(np.diff(row, axis=0)).sum(axis=1) > 0).sum() <= 8


@pytest.mark.parametrize("side", [24, 60, 200, 500])
def test_blur_takes_all_that_is_finer_than_a_sixth_of_the_face(side: int):
    """Stripes of that period, eyes and mouth being about as far apart, fade to a twentieth."""
    rgb = np.zeros((side, side, 3), np.uint8)
    rgb[:, np.arange(side) * 12 // side % 2 == 0] = 255
    redact(rgb, None, _boxes((0, 0, side, side)), style="blur")
    assert rgb[:, side // 4 : -side // 4].std() < 255 / 2 / 20


@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_strength_follows_the_face_and_not_what_is_left_of_it(style: str):
    """Of a face cut by the frame's edge, the visible half is as coarse as the whole would be."""
    rgb = _noise(200, 200)
    redact(rgb, None, _boxes((-100, 20, 60, 180)), style=style)
    assert _detail(rgb, slice(20, 180), slice(0, 60)) < 6


@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_nothing_from_outside_the_box_gets_in(style: str):
    """Otherwise a neighbour's face would tint this one."""
    results = []
    for shade in (0, 255):
        rgb = np.full((60, 80, 3), shade, np.uint8)
        rgb[10:50, 20:60] = _noise(40, 40)
        redact(rgb, None, _boxes((20, 10, 60, 50)), style=style)
        results.append(rgb[10:50, 20:60].copy())
    assert np.array_equal(*results)


@pytest.mark.parametrize("shape", SHAPES)
def test_redacted_pixels_are_opaque(shape: str):
    """Or a half-clear face would show what lies behind it, and its own outline."""
    rgb, alpha = _noise(), np.full((60, 80), 9, np.uint8)
    before = rgb.copy()
    redact(rgb, alpha, _boxes((10, 20, 50, 55)), shape=shape)
    changed = (rgb != before).any(axis=2)
    assert (alpha[changed] == 255).all()
    assert (alpha[:20] == 9).all()
    assert alpha[22, 11] == (9 if shape == "ellipse" else 255)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"style": "swirl"}, "redact.style"),
        ({"shape": "star"}, "redact.shape"),
        ({"margin": -1.0}, "redact.margin"),
        ({"boxes": np.zeros((2, 3), np.float32)}, "redact.boxes"),
        ({"rgb": np.zeros((9, 9), np.uint8)}, "output.shape"),
        ({"rgb": np.zeros((9, 9, 3), np.uint8)[:, ::-1]}, "output.shape"),
        ({"rgb": np.zeros((9, 9, 3), np.float32)}, "output.shape"),
        ({"rgb": np.broadcast_to(np.uint8(0), (9, 9, 3))}, "output.shape"),
        ({"alpha": np.zeros((9, 8), np.uint8)}, "output.shape"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(change: dict, code: str):
    """Before anything is changed."""
    asked = {"rgb": np.zeros((9, 9, 3), np.uint8), "alpha": None, "boxes": _boxes((1, 1, 5, 5))} | change
    rgb, alpha, boxes = asked.pop("rgb"), asked.pop("alpha"), asked.pop("boxes")
    with pytest.raises(Refusal) as caught:
        redact(rgb, alpha, boxes, **asked)
    assert caught.value.code == code
    assert not rgb.any()
