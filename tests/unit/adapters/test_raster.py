"""Shapes against OpenCV's own, pixel by pixel, on whatever OpenCV is installed (4 and 5 set the same)."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facegate.adapters import raster

COLOUR = (9, 8, 7)


def pair(side: int = 320) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((side, side, 3), np.uint8), np.zeros((side, side, 3), np.uint8)


def test_thick_lines_are_opencvs_to_the_pixel() -> None:
    random = np.random.default_rng(1)
    for _ in range(600):
        begin = random.integers(5, 90, 2)
        end = np.clip(begin + random.integers(-30, 31, 2), 3, 92)
        theirs, ours = pair(96)
        cv2.line(theirs, begin.tolist(), end.tolist(), COLOUR, 2)
        raster.lines(ours, [begin], [end], [COLOUR])
        assert (theirs == ours).all(), (begin, end)


def test_later_lines_lie_on_top() -> None:
    random = np.random.default_rng(2)
    begin, end, colours = (
        random.integers(3, 90, (40, 2)),
        random.integers(3, 90, (40, 2)),
        random.integers(1, 255, (40, 3)),
    )
    theirs, ours = pair(96)
    for a, b, colour in zip(begin, end, colours, strict=True):
        cv2.line(theirs, a.tolist(), b.tolist(), colour.tolist(), 2)
    raster.lines(ours, begin, end, colours)
    assert (theirs == ours).all()


def test_a_line_without_length_is_a_dot() -> None:
    theirs, ours = pair(16)
    cv2.line(theirs, (7, 5), (7, 5), COLOUR, 2)
    raster.lines(ours, [(7, 5)], [(7, 5)], [COLOUR])
    assert ours.any()
    assert (theirs == ours).all()


@pytest.mark.parametrize("radius", range(24))
def test_discs_are_opencvs_to_the_pixel_also_over_the_border(radius: int) -> None:
    random = np.random.default_rng(radius)
    for centre in random.integers(-6, 102, (20, 2)):
        theirs, ours = pair(96)
        cv2.circle(theirs, centre.tolist(), radius, COLOUR, -1)
        raster.disc(ours, centre, radius, COLOUR)
        assert (theirs == ours).all(), centre


def test_ellipses_are_opencvs_to_the_pixel() -> None:
    """All sizes and turns that InstantID's limbs have, of up to 400 pixels."""
    random = np.random.default_rng(3)
    for _ in range(400):
        centre, long, turn = random.integers(200, 220, 2), int(random.integers(0, 200)), int(random.integers(-180, 181))
        theirs, ours = pair(420)
        corners = cv2.ellipse2Poly(centre.tolist(), (long, 4), turn, 0, 360, 1)
        cv2.fillConvexPoly(theirs, corners, COLOUR)
        raster.ellipse(ours, centre, (long, 4), turn, COLOUR)
        assert (theirs == ours).all(), (centre, long, turn)


def test_what_is_outside_is_left_out() -> None:
    ours = np.zeros((20, 20, 3), np.uint8)
    raster.lines(ours, [(-40, -40)], [(-30, -35)], [COLOUR])
    raster.disc(ours, (60, 10), 8, COLOUR)
    raster.ellipse(ours, (10, -50), (30, 4), 0, COLOUR)
    assert not ours.any()
