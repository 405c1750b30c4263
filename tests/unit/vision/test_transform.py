"""The 4x4 that was put in comes out; on a real face the canonical points fall where the face has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision import pose
from facegate.vision.transform import transform
from tests.unit.vision.geometry import WHO, between_eyes, landmarks
from tests.unit.vision.test_pose import turn

ANGLE = st.floats(-80, 80)


def canonical() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Vertices, and where mediapipe's canonical face has them, centimetres, y up and z towards the camera."""
    rows = pose._BASIS
    twins = rows[rows[:, 0] != rows[:, 1]][:, [1, 0, 2, 3, 4, 5]] * [1, 1, 1, -1, 1, 1]
    both = np.concatenate([rows, twins])
    return both[:, 0].astype(np.intp), both[:, 3:]


def homogeneous(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """(P, 4)."""
    return np.c_[points, np.ones(len(points))]


@given(ANGLE, ANGLE, st.floats(-179, 179), st.floats(1, 200), st.tuples(*[st.floats(-3000, 3000)] * 3))
def test_a_turned_canonical_face(
    yaw: float, pitch: float, roll: float, size: float, offset: tuple[float, float, float]
) -> None:
    """Whatever its size and place, the points fall on those that it was made from, to a hundredth of a pixel."""
    indices, points = canonical()
    mesh = np.zeros((1, 478, 3), np.float64)
    mesh[0, indices] = size * (points * [1, -1, -1]) @ turn(yaw, pitch, roll).T + offset
    made = transform(mesh, pose.rotation(mesh))  # type: ignore[arg-type]
    back = homogeneous(points) @ made[0].T.astype(np.float64)
    np.testing.assert_allclose(back[:, :3], mesh[0, indices], atol=1e-2 + 1e-5 * size)
    assert np.cbrt(np.linalg.det(made[0, :3, :3].astype(np.float64))) == pytest.approx(size, rel=1e-4)
    np.testing.assert_array_equal(made[0, 3], [0, 0, 0, 1])


@pytest.mark.parametrize("who", WHO)
def test_on_a_face(who: str) -> None:
    """The basis lies within a tenth of the distance between the eyes; y goes up, x to the person's left."""
    mesh = landmarks(who)
    indices, points = canonical()
    made = transform(mesh, pose.rotation(mesh))[0]
    off = (homogeneous(points) @ made.T)[:, :2] - mesh[0, indices, :2]
    assert np.sqrt((off**2).sum(axis=1).mean()) < 0.1 * between_eyes(mesh[0])
    assert made[0, 0] > 0 > made[1, 1]
    # 8.9 cm lie between the canonical face's outer corners of the eyes.
    assert np.cbrt(np.linalg.det(made[:3, :3])) == pytest.approx(between_eyes(mesh[0]) / 8.892, rel=0.15)


def test_a_batch_is_its_singles() -> None:
    """N faces at once."""
    mesh = landmarks(*WHO)
    turns = pose.rotation(mesh)
    together = transform(mesh, turns)
    assert together.dtype == np.float32
    for number in range(2):
        np.testing.assert_allclose(together[number], transform(mesh[[number]], turns[[number]])[0], atol=1e-3)


def test_other_shapes_are_refused() -> None:
    """With the shape in the message."""
    with pytest.raises(ShapeError, match="467"):
        transform(np.zeros((1, 467, 3), np.float32), np.zeros((1, 3, 3), np.float32))
