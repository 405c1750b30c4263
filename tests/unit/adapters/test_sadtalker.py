"""What SadTalker cuts out, against its croper.py: the same whole pixels."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.adapters import sadtalker
from facegate.errors import ShapeError
from tests.golden.make_adapters_golden import SIZES
from tests.unit.adapters.conftest import Golden, Opened


def test_the_rectangle_is_theirs(golden: Golden) -> None:
    for points, boxes in zip(golden["points|68"], golden["box"], strict=True):
        for (width, height, times), (*box, shrunk) in zip(SIZES, boxes, strict=True):
            ours = np.array(sadtalker.crop_box(points * times, (width, height)))
            assert (ours == np.array(box) * max(round(width / shrunk), 1)).all()


def test_some_of_them_were_shrunk_and_some_cut_at_the_edge(golden: Golden) -> None:
    """Or the test above would show less than it says."""
    widths = np.array([size[0] for size in SIZES])
    assert (golden["box"][..., 4] < widths).any()
    assert (golden["box"][..., 3] == 300).any()


@pytest.mark.parametrize("shape", [(478, 2), (106, 2), (98, 2), (68, 3), (5, 2)])
def test_what_would_be_misread_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(68, 2\) points by iBUG's numbers"):
        sadtalker.crop_box(np.zeros(shape, np.float32), (64, 64))


def test_a_faces_source(opened: Opened) -> None:
    made = sadtalker.source(opened.face)
    with opened.face.expose("points_68") as points:
        assert (made.points == points[:, :2]).all()
    assert tuple(made.box) == sadtalker.crop_box(made.points, opened.upload.size_wh)
    assert made.points_cut.shape == (68, 2)
    assert ((made.points_cut > 0) & (made.points_cut < 256)).all()
    # A resize moves the middle of the rectangle to the middle of the square.
    scale = 256 / (made.box[2:] - made.box[:2])
    expected = (made.points + 0.5 - made.box[:2]) * scale - 0.5
    assert np.abs(made.points_cut - expected).max() < 1e-3
