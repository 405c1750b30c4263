"""InstantID's control image against the same shapes by OpenCV: maximal error 0."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from facegate.adapters import instantid
from facegate.errors import AnalysisError, ShapeError
from tests.unit.adapters.conftest import Opened

# Of InstantX's draw_kps: limbs to point 2, 4 pixels to each side of them, times 0.6; points of radius 10 on top; RGB.
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)]


def reference(points: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """What `draw_kps` calls of OpenCV, with its roundings."""
    canvas = np.zeros((size_wh[1], size_wh[0], 3))
    for each in (0, 1, 3, 4):
        (x0, y0), (x1, y1) = points[each], points[2]
        middle = int(np.mean([x0, x1])), int(np.mean([y0, y1]))
        half = int(((x0 - x1) ** 2 + (y0 - y1) ** 2) ** 0.5 / 2)
        turn = int(math.degrees(math.atan2(y0 - y1, x0 - x1)))
        cv2.fillConvexPoly(canvas, cv2.ellipse2Poly(middle, (half, 4), turn, 0, 360, 1), COLOURS[each])
    image = (canvas * 0.6).astype(np.uint8)
    for (x, y), colour in zip(points, COLOURS, strict=True):
        cv2.circle(image, (int(x), int(y)), 10, colour, -1)
    return image


def test_the_image_of_a_face_is_the_references(opened: Opened) -> None:
    image = instantid.key_points_image(opened.face)
    assert image.shape == (512, 512, 3)
    assert image.dtype == np.uint8
    with opened.face.expose("five_points") as points:
        assert (image == reference(points, (512, 512))).all(), "maximal error 0"
        x, y = points[0].astype(int)
    assert image[y, x].tolist() == [255, 0, 0], "red, in RGB, is the eye at the left of the picture"


@pytest.mark.parametrize("size_wh", [(1024, 1024), (640, 1280)])
def test_another_size_scales_the_points_and_not_the_strokes(opened: Opened, size_wh: tuple[int, int]) -> None:
    image = instantid.key_points_image(opened.face, size_wh=size_wh)
    with opened.face.expose("five_points") as points:
        scaled = points * (np.array(size_wh) / opened.upload.size_wh).astype(np.float32)
    assert (image == reference(scaled, size_wh)).all()


def test_faces_in_all_directions_and_sizes_are_the_references() -> None:
    random = np.random.default_rng(4)
    face = np.array([(-30, -40), (30, -40), (0, 0), (-25, 35), (25, 35)], np.float32)
    for _ in range(150):
        angle, scale = random.uniform(0, 2 * np.pi), random.uniform(0.1, 3.5)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (face @ turn.T + random.uniform(200, 312, 2)).astype(np.float32)
        canvas = np.zeros((512, 512, 3), np.uint8)
        instantid.draw(canvas, points)
        assert (canvas == reference(points, (512, 512))).all(), points


def test_other_points_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"key points are \(5, 2\)"):
        instantid.draw(np.zeros((8, 8, 3), np.uint8), np.zeros((478, 2), np.float32))


def test_the_embedding_is_the_raw_one(known: Opened) -> None:
    made = instantid.embedding(known.face)
    with known.face.expose("identity") as raw:
        assert (made == raw).all()
        assert abs(np.linalg.norm(raw) - 1) > 1e-3, "or this test would not tell raw from normalized"
    assert made.shape == (512,)
    assert made.dtype == np.float32


def test_without_a_recognizer_there_is_no_embedding(opened: Opened) -> None:
    with pytest.raises(AnalysisError, match="recognizer"):
        instantid.embedding(opened.face)
