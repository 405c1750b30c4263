"""Where LivePortrait cuts, against its crop.py: maximal error 0.001 pixel at any point of the face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facegate.adapters import liveportrait
from facegate.errors import ShapeError
from tests.golden.make_adapters_golden import CUTS
from tests.unit.adapters.conftest import Golden, Opened


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


@pytest.mark.parametrize("count", [5, 68, 101, 106, 203])
def test_points_of_each_order_are_cut_as_there(golden: Golden, count: int) -> None:
    worst = 0.0
    for points, theirs in zip(golden[f"points|{count}"], golden[f"cut|{count}"], strict=True):
        for matrix, (size, scale, upwards, turn) in zip(theirs, CUTS, strict=True):
            ours = liveportrait.crop_matrix(points, size=size, scale=scale, upwards=upwards, turn=turn)
            worst = max(worst, np.abs(moved(points, ours) - moved(points, matrix)).max())
    assert worst < 1e-3


@pytest.mark.parametrize("shape", [(478, 2), (468, 2), (102, 2), (98, 2), (106, 3), (0, 2), (106,)])
def test_what_would_be_misread_is_refused(shape: tuple[int, ...]) -> None:
    """There, 478 points are cut off after 101 and taken for others, without a word."""
    with pytest.raises(ShapeError, match="knows 5, 68, 101, 106 or 203 points"):
        liveportrait.crop_matrix(np.zeros(shape))


def test_a_face_is_cut_by_its_106_points(opened: Opened) -> None:
    cut = liveportrait.cut(opened.face)
    with opened.face.expose("points_106") as points, opened.face.expose("five_points") as five:
        expected = liveportrait.crop_matrix(points)
        assert np.abs(cut.points - moved(points, expected)).max() < 1e-3
        eyes_and_mouth = moved(five, cut.matrix)
    assert np.abs(cut.matrix - expected).max() < 1e-4
    assert np.abs(cut.inverse @ cut.matrix - np.eye(3)).max() < 1e-3
    assert cut.matrix.dtype == cut.inverse.dtype == cut.points.dtype == np.float32
    assert ((eyes_and_mouth > 100) & (eyes_and_mouth < 412)).all(), "the face is in the middle of the crop"
    assert abs(eyes_and_mouth[0, 1] - eyes_and_mouth[1, 1]) < 8, "and upright"


def test_the_crop_is_what_opencv_cuts_there(opened: Opened) -> None:
    """Maximal error 1 of 255: the matrix is rounded to float32 on its way."""
    image = liveportrait.crop_image(opened.face)
    matrix = liveportrait.cut(opened.face).matrix
    with opened.upload.expose() as rgb:
        expected = cv2.warpAffine(rgb, matrix[:2].astype(np.float64), (512, 512), flags=cv2.INTER_LINEAR)
    assert np.abs(image.astype(int) - expected).max() <= 1
