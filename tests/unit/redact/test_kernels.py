"""The three kernels, and which pixels a box means."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.redact import kernels
from facegate.redact.regions import regions

SHAPES = [(40, 56, 3), (41, 57, 3), (40, 56), (33, 4, 3), (4, 33), (7, 7, 1), (64, 64, 4)]


def _noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_solid_paints_every_pixel():
    """One value, also in the last row and column."""
    window = _noise((9, 11, 3))
    kernels.solid(window, value=7)
    assert (window == 7).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [2, 4, 6, 16, 64])
def test_pixelate_gives_the_means_of_blocks(shape: tuple[int, ...], block: int):
    """Against a plain loop, rests right and below included."""
    window = _noise(shape)
    expected = window.astype(float)
    for y in range(0, shape[0], block):
        for x in range(0, shape[1], block):
            part = expected[y : y + block, x : x + block]
            part[...] = part.mean(axis=(0, 1))
    kernels.pixelate(window, block=block)
    assert np.abs(window - expected).max() <= 0.51


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [3, 8, 20, 90])
def test_blur_takes_the_detail_and_keeps_the_tone(shape: tuple[int, ...], width: int):
    """Differences between neighbours fall well below the noise that went in; the mean stays."""
    window = _noise(shape)
    before, tone = np.abs(np.diff(window.astype(int), axis=0)).mean(), window.mean()
    kernels.blur(window, width=width)
    assert np.abs(np.diff(window.astype(int), axis=0)).mean() < before / 4
    assert abs(window.mean() - tone) < 20


@pytest.mark.parametrize("kernel", [kernels.solid, "pixelate", "blur"])
def test_kernels_read_and_change_nothing_around_the_window(kernel: object):
    """Same result whatever surrounds the window, and the surroundings stay."""
    results = []
    for seed in (1, 2):
        frame = _noise((60, 80, 3), seed)
        frame[13:45, 21:60] = _noise((32, 39, 3), 9)
        around = frame.copy()
        window = frame[13:45, 21:60]
        if kernel == "pixelate":
            kernels.pixelate(window, block=6)
        elif kernel == "blur":
            kernels.blur(window, width=11)
        else:
            kernels.solid(window)
        results.append(window.copy())
        around[13:45, 21:60] = window
        assert np.array_equal(frame, around)
    assert np.array_equal(*results)


@pytest.mark.parametrize("strided", [False, True])
def test_a_mask_decides(strided: bool):
    """Redacted under 255, untouched under 0, in a view whose pixels are not even contiguous too."""
    frame = _noise((20, 60, 3))
    window = frame[:, ::2] if strided else frame[:, :30]
    before = window.copy()
    mask = np.zeros(window.shape[:2], np.uint8)
    mask[3:15, 4:22] = 255
    kernels.pixelate(window, mask, block=10)
    assert np.array_equal(window[mask == 0], before[mask == 0])
    whole = before.copy()
    kernels.pixelate(whole, block=10)
    assert np.array_equal(window[mask == 255], whole[mask == 255])


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 50, 3), (50, 2), (3, 3)])
def test_windows_too_small_to_average_are_painted(shape: tuple[int, ...]):
    """The mean of one pixel is the pixel."""
    for change in (lambda window: kernels.pixelate(window, block=2), lambda window: kernels.blur(window, width=3)):
        window = _noise(shape)
        change(window)
        assert (window == kernels.GREY).all()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 3, 7, 9), (2, 3, 7, 9)),
        ((2.5, 3.5, 6.5, 8.1), (2, 3, 7, 9)),
        ((7, 9, 2, 3), (2, 3, 7, 9)),
        ((4.2, 5.2, 4.4, 5.4), (4, 5, 5, 6)),
        ((4, 5, 4, 5), (4, 5, 5, 6)),
        ((-50, -50, 500, 500), (0, 0, 20, 10)),
        ((-np.inf, 3, np.inf, 4), (0, 3, 20, 4)),
        ((np.nan, 3, 5, np.nan), (0, 3, 5, 10)),
        ((18.5, 8.5, 20, 10), (18, 8, 20, 10)),
        ((1e30, 0, -1e30, 5), (0, 0, 20, 5)),
    ],
)
def test_a_box_means_every_pixel_that_it_touches(box: tuple[float, ...], expected: tuple[int, ...]):
    """In a frame of 20 by 10; in doubt too many."""
    (region,) = regions(np.array([box], np.float32), 10, 20, margin=0.0)
    assert (region.x0, region.y0, region.x1, region.y1) == expected


@pytest.mark.parametrize("box", [(-9, 0, -1, 5), (20, 0, 30, 5), (0, 10, 5, 12), (-5, -5, 0, 0), (25, 3, 25, 3)])
def test_a_box_outside_the_frame_means_nothing(box: tuple[float, ...]):
    """Also one that only shares an edge with it."""
    assert regions(np.array([box], np.float32), 10, 20, margin=0.0) == []


def test_margin_grows_each_side_by_a_fraction():
    """A quarter of 8 by 4 is 2 by 1."""
    (region,) = regions(np.array([[6, 3, 14, 7]], np.float32), 10, 20, margin=0.25)
    assert (region.x0, region.y0, region.x1, region.y1) == (4, 2, 16, 8)


def test_an_ellipse_covers_what_it_touches_and_no_corner():
    """Against 16 points in every pixel."""
    (region,) = regions(np.array([[3.3, 2.2, 33.1, 47.9]], np.float32), 50, 40, margin=0.0)
    left, top, right, bottom = region.box
    y, x = np.mgrid[0:800, 0:640] / 16 + 1 / 32
    inside = ((x - (left + right) / 2) * 2 / (right - left)) ** 2 + (
        (y - (top + bottom) / 2) * 2 / (bottom - top)
    ) ** 2 <= 1
    touched = inside.reshape(50, 16, 40, 16).any(axis=(1, 3))[region.y0 : region.y1, region.x0 : region.x1]
    mask = region.ellipse() == 255
    assert (mask >= touched).all()
    assert (mask != touched).sum() < 0.02 * touched.sum()
    assert not mask[0, 0]
    assert not mask[-1, -1]


@pytest.mark.parametrize("boxes", [np.zeros(4), np.zeros((1, 5)), np.zeros((1, 4), int), [[0, 0, 1, 1]], None])
def test_what_is_no_box_is_refused(boxes: object):
    """Rather than guessed at."""
    with pytest.raises(Refusal) as caught:
        regions(boxes, 10, 20, margin=0.0)
    assert caught.value.code == "redact.boxes"


@pytest.mark.parametrize("margin", [-0.1, 8.1, float("nan"), float("inf")])
def test_a_margin_out_of_range_is_refused(margin: float):
    """A negative one would uncover the rim of a face."""
    with pytest.raises(Refusal) as caught:
        regions(np.zeros((1, 4), np.float32), 10, 20, margin=margin)
    assert caught.value.code == "redact.margin"
