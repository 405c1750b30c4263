"""What a detector gives is taken for hostile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.memory.arena import MAX_FACES
from facegate.vision.engines.checked import checked, derived

BOXES = np.array([[10, 20, 30, 60], [100, 100, 400, 380]], np.float64)
SURE = np.array([0.5, 1.0])
POINTS = np.arange(24, dtype=np.float32).reshape(2, 6, 2)


def test_faces_are_sorted_and_float32() -> None:
    found = checked((BOXES, SURE, POINTS), 480, 640)
    assert np.array_equal(found.boxes, BOXES[::-1])
    assert np.array_equal(found.confidence, [1.0, 0.5])
    assert np.array_equal(found.keypoints, POINTS[::-1])
    assert {each.dtype for each in (found.boxes, found.confidence, found.keypoints)} == {np.dtype(np.float32)}


def test_what_is_taken_is_a_copy() -> None:
    """The detector keeps its arrays, and may write to them later."""
    theirs = BOXES.astype(np.float32)
    found = checked((theirs, SURE, None), 480, 640)
    theirs[:] = np.nan
    assert np.isfinite(found.boxes).all()


def test_nobody_is_an_answer() -> None:
    found = checked((np.empty((0, 4)), np.empty(0), None), 480, 640)
    assert found.keypoints.shape == (0, 6, 2)


def test_missing_key_points_are_those_of_an_upright_face() -> None:
    right, left, nose, mouth, *ears = derived(BOXES[1:].astype(np.float32))[0]
    assert right[1] == left[1]
    assert 100 < right[0] < nose[0] < left[0] < 400
    assert right[1] < nose[1] < mouth[1] < 380
    assert all(100 <= x <= 400 for x, _ in ears)


def broken(place: int, value: Any) -> tuple[Any, ...]:
    """An answer with one part replaced."""
    parts: list[Any] = [BOXES, SURE, POINTS]
    parts[place] = value
    return tuple(parts)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [BOXES, SURE, POINTS],
        (BOXES, SURE),
        (BOXES, SURE, POINTS, POINTS),
        broken(0, BOXES.tolist()),
        broken(0, BOXES[:, :3]),
        broken(0, BOXES[0]),
        broken(0, np.float64(3)),
        broken(0, np.array(3.0)),
        broken(0, BOXES.astype(object)),
        broken(0, BOXES.astype(str)),
        broken(0, BOXES + 1j),
        broken(0, np.where(BOXES == 10, np.nan, BOXES)),
        broken(0, np.where(BOXES == 10, -np.inf, BOXES)),
        broken(0, np.where(BOXES == 10, 1e300, BOXES)),
        broken(0, np.where(BOXES == 10, -1e9, BOXES)),
        broken(0, BOXES[:, [2, 1, 0, 3]]),
        broken(0, BOXES[:, [0, 1, 2, 1]]),
        broken(1, SURE[:1]),
        broken(1, SURE[:, None]),
        broken(1, SURE * 2),
        broken(1, -SURE),
        broken(1, np.array([0.5, np.nan])),
        broken(1, SURE.astype(bool)),
        broken(2, POINTS[:1]),
        broken(2, POINTS[:, :5]),
        broken(2, POINTS.reshape(2, 12)),
        broken(2, POINTS * np.nan),
        broken(2, POINTS * 1e9),
    ],
)
def test_what_are_no_faces_is_refused(found: Any) -> None:
    with pytest.raises(Refusal, match=r"detector\.output"):
        checked(found, 480, 640)


def test_a_crowd_beyond_the_arena_is_refused() -> None:
    """Counted before anything is copied."""
    many = np.broadcast_to(BOXES[:1], (MAX_FACES + 1, 4))
    with pytest.raises(Refusal, match=r"limit\.faces"):
        checked((many, None, None), 480, 640)
