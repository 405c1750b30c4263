"""Irises: order, sides, batches, depth."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.vision.iris import LIDS, IrisFinder
from facegate.vision.mesh import Mesher
from tests.unit.vision.faces import analyzed, crowd, seen

RIGHT, LEFT = slice(468, 473), slice(473, 478)
NAMES = sorted(seen())


@pytest.fixture(scope="module")
def finder() -> IrisFinder:
    """One for all tests."""
    return IrisFinder()


@pytest.mark.parametrize("count", [2, 5, 9])
def test_a_batch_is_its_singles(finder: IrisFinder, count: int) -> None:
    """Nine faces are eighteen eyes, more than one batch holds."""
    faces = crowd(count)
    mesh, _ = Mesher().mesh(faces.rgb, faces.boxes, faces.keypoints)
    together = finder.add(faces.rgb, mesh)
    assert together.shape == (count, 478, 3)
    for at in range(count):
        np.testing.assert_allclose(together[at], finder.add(faces.rgb, mesh[at : at + 1])[0], atol=2e-3)


def test_nobody(finder: IrisFinder) -> None:
    """No face in, no face out."""
    assert finder.add(np.zeros((9, 9, 3), np.uint8), np.empty((0, 468, 3), np.float32)).shape == (0, 478, 3)


def test_the_mesh_stays_as_it_was(finder: IrisFinder) -> None:
    """Bit for bit, and in an array of its own."""
    face = seen()["hopper/upright/1"]
    mesh, _ = Mesher().mesh(face.rgb, face.boxes, face.keypoints)
    before = mesh.copy()
    landmarks = finder.add(face.rgb, mesh)
    np.testing.assert_array_equal(landmarks[:, :468], before)
    np.testing.assert_array_equal(mesh, before)
    assert not np.shares_memory(landmarks, mesh)


@pytest.mark.parametrize("name", [name for name in NAMES if "turned" not in name])
def test_order_of_the_edge(name: str) -> None:
    """Centre, right, top, left, bottom as the picture shows it, for both eyes, mirrored or not."""
    for side in (RIGHT, LEFT):
        centre, right, top, left, bottom = analyzed(name).landmarks[0, side, :2]
        assert left[0] < centre[0] < right[0]
        assert top[1] < centre[1] < bottom[1]


@pytest.mark.parametrize("name", NAMES)
def test_irises_are_in_their_eyes(name: str) -> None:
    """Each centre is between the corners of its eye, and the two irises are of one size."""
    points = analyzed(name).landmarks[0]
    radii = []
    for side, (outer, inner) in ((RIGHT, (33, 133)), (LEFT, (263, 362))):
        along = points[inner, :2] - points[outer, :2]
        place = (points[side.start, :2] - points[outer, :2]) @ along / (along @ along)
        assert 0.2 < place < 0.8, place
        radii.append(np.linalg.norm(points[side, :2][1:] - points[side.start, :2], axis=1).mean())
    assert 0.75 < radii[0] / radii[1] < 1.33, radii


def test_depth_is_that_of_the_lids() -> None:
    """All five points of an iris have the mean depth of the lids."""
    points = analyzed("hopper/upright/1").landmarks[0]
    for side, lids in zip((RIGHT, LEFT), LIDS, strict=True):
        np.testing.assert_allclose(points[side, 2], points[lids, 2].mean(), rtol=1e-5)


def test_mirror_swaps_the_eyes() -> None:
    """The left iris in the mirror is the right one, mirrored."""
    width = seen()["hopper/upright/1"].rgb.shape[1]
    plain, mirrored = (analyzed(f"hopper/{pose}/1").landmarks[0, :, :2] for pose in ("upright", "mirrored"))
    apart = np.linalg.norm(plain[468] - plain[473])
    for here, there in ((468, 473), (473, 468)):
        back = np.array([width - 1, 0]) + mirrored[there] * [-1, 1]
        assert np.linalg.norm(back - plain[here]) / apart < 0.03
