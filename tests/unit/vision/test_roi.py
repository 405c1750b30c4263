"""Turned squares: where they lie, and that maps there and back agree."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from facegate.vision.roi import Squares, apply, around_faces, around_meshes, around_segments, crop, inverse, to_frame

SIZE = 192


@st.composite
def squares(draw: st.DrawFn) -> Squares:
    """One to five squares, some partly outside any frame."""
    count = draw(st.integers(1, 5))
    centre = draw(arrays(np.float32, (count, 2), elements=st.floats(-500, 5000, width=32)))
    side = draw(arrays(np.float32, count, elements=st.floats(4, 4096, width=32)))
    angle = draw(arrays(np.float32, count, elements=st.floats(-3.125, 3.125, width=32)))
    return Squares(centre, side, angle)


@given(squares(), st.booleans())
def test_there_and_back(some: Squares, mirrored: bool) -> None:
    """From the crop to the frame and back is where we were."""
    count = len(some.side)
    maps = to_frame(some, SIZE, np.full(count, mirrored))
    points = np.tile(np.array([[0, 0], [SIZE, 0], [17, 150], [96, 96]], np.float32), (count, 1, 1))
    back = apply(inverse(maps), apply(maps, points))
    # float32 has 7 digits; the smallest square magnifies the rounding of coordinates in the frame by 48.
    np.testing.assert_allclose(back, points, atol=SIZE / some.side.min() * 0.01 + 0.01)


@given(squares())
def test_sides_and_centre(some: Squares) -> None:
    """The crop's centre maps to the square's, its edges have the square's length, and its x axis the angle."""
    maps = to_frame(some, SIZE)
    count = len(some.side)
    middle, origin, right, down = np.moveaxis(
        apply(maps, np.tile(np.array([[96, 96], [0, 0], [192, 0], [0, 192]], np.float32), (count, 1, 1))), 1, 0
    )
    np.testing.assert_allclose(middle, some.centre, atol=0.01)
    for edge, turn in ((right - origin, 0), (down - origin, np.pi / 2)):
        expected = some.side[:, None] * np.stack([np.cos(some.angle + turn), np.sin(some.angle + turn)], axis=1)
        np.testing.assert_allclose(edge, expected, atol=0.01, rtol=1e-4)


def test_square_of_an_upright_face() -> None:
    """1.5 times the longer side, level with the eyes."""
    boxes = np.array([[100, 50, 200, 170]], np.float32)
    keypoints = np.zeros((1, 6, 2), np.float32)
    keypoints[0, :2] = [[130, 80], [170, 80]]
    square = around_faces(boxes, keypoints)
    np.testing.assert_allclose(square.centre, [[150, 110]])
    np.testing.assert_allclose(square.side, [180])
    np.testing.assert_allclose(square.angle, [0])


@pytest.mark.parametrize("degrees", [-170, -60, 0, 45, 90, 175])
def test_angle_follows_the_eyes(degrees: float) -> None:
    """Clockwise as seen, from the person's right eye to the left one."""
    turn = np.radians(degrees)
    keypoints = np.zeros((1, 6, 2), np.float32)
    keypoints[0, 1] = [np.cos(turn), np.sin(turn)]
    assert around_faces(np.ones((1, 4), np.float32), keypoints).angle[0] == pytest.approx(turn, abs=1e-6)


def test_segments_take_the_longer_side_of_their_box() -> None:
    """Square_long of mediapipe: not the segment's length."""
    square = around_segments(np.zeros((1, 2), np.float32), np.array([[30, -40]], np.float32), 2.0)
    np.testing.assert_allclose(square.side, [80])
    np.testing.assert_allclose(square.centre, [[15, -20]])
    assert square.angle[0] == pytest.approx(np.arctan2(-40, 30))


def test_square_around_a_mesh() -> None:
    """1.5 times the longer side of the upright box around all points."""
    mesh = np.full((1, 468, 3), 50, np.float32)
    mesh[0, [33, 263], :2] = [[20, 40], [80, 40]]
    mesh[0, 152, :2] = [50, 140]
    square = around_meshes(mesh)
    np.testing.assert_allclose(square.centre, [[50, 90]])
    np.testing.assert_allclose(square.side, [150])
    np.testing.assert_allclose(square.angle, [0])


def test_depth_scales_with_the_square() -> None:
    """A crop of half the square's edge: depth doubles; mirroring leaves it alone."""
    some = Squares(np.zeros((1, 2), np.float32), np.array([384], np.float32), np.array([1], np.float32))
    points = np.array([[[3, 4, 10]]], np.float32)
    for mirrored in (False, True):
        assert apply(to_frame(some, SIZE, np.array([mirrored])), points)[0, 0, 2] == pytest.approx(20)


def noise(height: int, width: int) -> NDArray[np.uint8]:
    """Smooth enough that bilinear weights of 5 bits do not matter."""
    rough = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize("mirrored", [False, True])
def test_crop_shows_what_the_map_says(mirrored: bool) -> None:
    """Each pixel of a crop is the frame's at the mapped place."""
    rgb = noise(256, 320)
    some = Squares(np.array([[160, 128]], np.float32), np.array([150], np.float32), np.array([0.4], np.float32))
    maps = to_frame(some, 64, np.array([mirrored]))
    seen = crop(rgb, maps[0], 64)
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(64)), axis=-1).reshape(1, -1, 2).astype(np.float32)
    x, y = np.rint(apply(maps, grid)[0]).astype(int).T
    assert np.abs(seen.reshape(-1, 3).astype(int) - rgb[y, x]).mean() < 4
    assert np.abs(seen[:, ::-1].reshape(-1, 3).astype(int) - rgb[y, x]).mean() > 20


def test_crop_goes_on_beyond_the_border() -> None:
    """With the border's pixels, not with black."""
    rgb = np.full((40, 40, 3), 200, np.uint8)
    some = Squares(np.array([[0, 0]], np.float32), np.array([100], np.float32), np.array([0.3], np.float32))
    assert (crop(rgb, to_frame(some, 64)[0], 64) == 200).all()
