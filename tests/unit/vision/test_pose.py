"""Rotations that were put in come out; signs of the angles; the five points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision import pose
from tests.unit.vision.faces import analyzed, seen

ANGLE = st.floats(-80, 80)


def turn(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Rz(roll) @ Ry(-yaw) @ Rx(-pitch), from the definitions of the three."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def canonical() -> NDArray[np.float64]:
    """(468, 3): the canonical face where it is known, axes of `pose`; elsewhere 0, which `rotation` must not read."""
    points = np.zeros((468, 3))
    for right, left, _, x, y, z in pose._BASIS:
        points[int(right)], points[int(left)] = [x, -y, -z], [-x if right != left else x, -y, -z]
    return points


@given(ANGLE, ANGLE, st.floats(-179, 179), st.floats(0.1, 500), st.tuples(*[st.floats(-3000, 3000)] * 3))
def test_a_turned_canonical_face(
    yaw: float, pitch: float, roll: float, size: float, offset: tuple[float, float, float]
) -> None:
    """Whatever its size and place, its angles come out."""
    given_rotation = turn(yaw, pitch, roll)
    landmarks = (size * canonical() @ given_rotation.T + offset)[None]
    found = pose.rotation(landmarks.astype(np.float64))
    np.testing.assert_allclose(found[0], given_rotation, atol=1e-3)
    np.testing.assert_allclose(pose.angles(found)[0], [yaw, pitch, roll], atol=0.5)


@given(st.integers(0, 2**32 - 1))
def test_always_a_proper_rotation(seed: int) -> None:
    """Even of a mesh that is inside out: never a reflection."""
    noise = np.random.default_rng(seed).normal(size=(3, 468, 3)).astype(np.float32)
    found = pose.rotation(noise).astype(np.float64)
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (3, 3, 3)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(found), 1, atol=1e-5)


def test_a_flat_mesh_has_a_rotation() -> None:
    """All points in one place, or in a plane."""
    for flat in (np.ones((1, 468, 3), np.float32), canonical()[None].astype(np.float32) * [1, 1, 0]):
        assert np.linalg.det(pose.rotation(flat)[0]) == pytest.approx(1, abs=1e-5)


def test_signs() -> None:
    """Where the nose points: right in the picture for yaw, up for pitch; roll takes the person's left eye down."""
    nose, left_eye = np.array([0, 0, -1]), np.array([1, 0, 0])
    assert (turn(30, 0, 0) @ nose)[0] > 0.4
    assert (turn(0, 30, 0) @ nose)[1] < -0.4
    assert (turn(0, 0, 30) @ left_eye)[1] > 0.4


@pytest.mark.parametrize("who", ["astronaut", "hopper"])
@pytest.mark.parametrize("degrees", [15, -15, 30, -30, 60, -60])
def test_roll_follows_the_picture(who: str, degrees: int) -> None:
    """A picture turned by some degrees has a head rolled by as many."""
    upright, turned = (analyzed(f"{who}/{name}/1", 2).pose[0] for name in ("upright", f"turned{degrees:+d}"))
    assert turned[2] - upright[2] == pytest.approx(degrees, abs=2)
    np.testing.assert_allclose(turned[:2], upright[:2], atol=4)


@pytest.mark.parametrize("who", ["astronaut", "hopper"])
def test_mirror_turns_yaw_and_roll_around(who: str) -> None:
    """Pitch stays."""
    plain, mirrored = (analyzed(f"{who}/{name}/1", 2).pose[0] for name in ("upright", "mirrored"))
    np.testing.assert_allclose(mirrored * [-1, 1, -1], plain, atol=4)


def test_a_batch_is_its_singles() -> None:
    """Rotation and angles."""
    many = np.concatenate([analyzed(name).landmarks for name in sorted(seen())])
    turns = pose.rotation(many)
    for at, one in enumerate(many):
        np.testing.assert_allclose(turns[at], pose.rotation(one[None])[0], atol=1e-5)
        np.testing.assert_allclose(pose.angles(turns)[at], pose.angles(turns[at : at + 1])[0], atol=1e-3)


@pytest.mark.parametrize("who", ["astronaut", "hopper"])
def test_five_points(who: str) -> None:
    """The eye at the left of an upright picture comes first, the corner of the mouth at the left fourth."""
    (right_eye, left_eye, nose, right_mouth, left_mouth) = analyzed(f"{who}/upright/1").five_points[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < nose[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_five_points_without_irises() -> None:
    """The middles of the eyes stand in for the centres of the irises."""
    landmarks = analyzed("hopper/upright/1").landmarks
    with_irises, without = pose.five_points(landmarks), pose.five_points(landmarks[:, :468])
    np.testing.assert_array_equal(with_irises[0, 0], landmarks[0, 468, :2])
    np.testing.assert_array_equal(with_irises[0, 1], landmarks[0, 473, :2])
    np.testing.assert_array_equal(with_irises[:, 2:], without[:, 2:])
    apart = np.linalg.norm(with_irises[0, 0] - with_irises[0, 1])
    assert 0 < np.abs(with_irises - without).max() < 0.15 * apart


@pytest.mark.parametrize("shape", [(468, 3), (1, 467, 3), (1, 478, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """With the shape in the message."""
    with pytest.raises(ShapeError, match=str(shape[-2])):
        pose.five_points(np.zeros(shape, np.float32))
