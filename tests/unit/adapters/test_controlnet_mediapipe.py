"""MediaPipeFace's control image against controlnet_aux 0.0.10 on mediapipe 0.10.21: maximal error 0."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.adapters import controlnet_mediapipe
from facegate.errors import AnalysisError, ShapeError
from tests.unit.adapters.conftest import Golden, Opened


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_their_points_give_their_image(golden: Golden, name: str) -> None:
    theirs = golden[f"annotation|{name}"]
    canvas = np.zeros(theirs.shape, np.uint8)
    controlnet_mediapipe.draw(canvas, golden[f"mesh|{name}"])  # type: ignore[arg-type]
    assert theirs.any()
    assert (canvas == theirs).all(), "maximal error 0"


def test_our_points_give_nearly_their_image(golden: Golden, opened: Opened) -> None:
    """Another network's points: the lines lie less than three pixels beside theirs."""
    theirs = golden["annotation|astronaut"].astype(np.uint8)
    ours = controlnet_mediapipe.face_image(opened.face)
    assert ours.shape == theirs.shape
    assert set(map(tuple, ours.reshape(-1, 3))) == set(map(tuple, theirs.reshape(-1, 3))), "the same colours"
    wide = np.lib.stride_tricks.sliding_window_view(np.pad(theirs.any(axis=2), 3), (7, 7)).any(axis=(2, 3))
    assert (ours.any(axis=2) & ~wide).sum() == 0


def test_left_and_right_are_the_persons(opened: Opened) -> None:
    image = controlnet_mediapipe.face_image(opened.face)
    with opened.face.expose("landmarks") as points:
        x, y = points[468, :2].astype(int)
    assert image[y, x].tolist() == [250, 200, 10], "the right iris, at the left of the picture"


def test_another_size_scales_the_points_and_not_the_lines(opened: Opened) -> None:
    image = controlnet_mediapipe.face_image(opened.face, size_wh=(1024, 768))
    with opened.face.expose("landmarks") as points:
        expected = np.zeros((768, 1024, 3), np.uint8)
        controlnet_mediapipe.draw(expected, points[:, :2] / np.float32(512))
    assert image.any()
    assert (image == expected).all()


def test_a_small_face_is_refused_where_the_reference_is_black_without_a_word(opened: Opened) -> None:
    with pytest.raises(AnalysisError, match="too small"):
        controlnet_mediapipe.face_image(opened.face, size_wh=(256, 256))
    assert controlnet_mediapipe.face_image(opened.face, size_wh=(256, 256), smallest=0).any()


def test_points_outside_leave_their_edges_out() -> None:
    points = np.full((478, 2), 0.5, np.float32)
    points[[10, 338]] = [(0.2, 0.2), (1.2, 0.2)]  # two points of the oval, one of them outside
    canvas = np.zeros((100, 100, 3), np.uint8)
    controlnet_mediapipe.draw(canvas, points)
    assert not canvas[20, 30:].any()


def test_other_points_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(478, 2\)"):
        controlnet_mediapipe.draw(np.zeros((8, 8, 3), np.uint8), np.zeros((468, 2), np.float32))
