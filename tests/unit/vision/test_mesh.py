"""The mesh: batches, presence, places. That its points are mediapipe's is the golden test's matter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facegate.vision.batch import MAX_BATCH
from facegate.vision.mesh import Mesher
from tests.unit.vision.faces import crowd, seen


@pytest.fixture(scope="module")
def mesher() -> Mesher:
    """One for all tests."""
    return Mesher()


@pytest.mark.parametrize("count", [2, 5, MAX_BATCH + 1])
@pytest.mark.parametrize("looks", [1, 2])
def test_a_batch_is_its_singles(mesher: Mesher, count: int, looks: int) -> None:
    """Same points and flags, in the same order."""
    faces = crowd(count)
    together, presence = mesher.mesh(faces.rgb, faces.boxes, faces.keypoints, looks=looks)
    assert together.shape == (count, 468, 3)
    assert presence.shape == (count,)
    for at in range(count):
        alone, flag = mesher.mesh(faces.rgb, faces.boxes[at : at + 1], faces.keypoints[at : at + 1], looks=looks)
        # The kernels for batches add up in another order.
        np.testing.assert_allclose(together[at], alone[0], atol=2e-3)
        np.testing.assert_allclose(presence[at], flag[0], atol=1e-5)


def test_nobody(mesher: Mesher) -> None:
    """No face in, no face out."""
    points, presence = mesher.mesh(
        np.zeros((9, 9, 3), np.uint8), np.empty((0, 4), np.float32), np.empty((0, 6, 2), np.float32)
    )
    assert points.shape == (0, 468, 3)
    assert presence.shape == (0,)


def test_results_are_the_callers(mesher: Mesher) -> None:
    """The next face does not write into the points of the one before."""
    one, other = seen()["astronaut/upright/1"], seen()["hopper/upright/1"]
    points, presence = mesher.mesh(one.rgb, one.boxes, one.keypoints)
    kept = points.copy(), presence.copy()
    mesher.mesh(other.rgb, other.boxes, other.keypoints)
    np.testing.assert_array_equal(points, kept[0])
    np.testing.assert_array_equal(presence, kept[1])


def test_presence_tells_a_face_from_none(mesher: Mesher) -> None:
    """In the same picture, with the box moved off the face."""
    face = seen()["hopper/upright/1"]
    noise = np.random.default_rng(0).integers(0, 256, face.rgb.shape, np.uint8)
    assert mesher.mesh(face.rgb, face.boxes, face.keypoints)[1][0] > 0.99
    assert mesher.mesh(noise, face.boxes, face.keypoints)[1][0] < 0.5


@pytest.mark.parametrize("shift", [(-40, 25), (3, -7)])
def test_points_move_with_the_picture(mesher: Mesher, shift: tuple[int, int]) -> None:
    """Shifted by whole pixels, all else alike."""
    face = seen()["hopper/upright/2"]
    before, _ = mesher.mesh(face.rgb, face.boxes, face.keypoints)
    moved = np.roll(face.rgb, shift[::-1], axis=(0, 1))
    offset = np.array(shift, np.float32)
    after, _ = mesher.mesh(moved, face.boxes + np.tile(offset, 2), face.keypoints + offset)
    error = np.linalg.norm(after[0, :, :2] - before[0, :, :2] - offset, axis=1).mean()
    assert error < 0.5, error


def test_depth(mesher: Mesher) -> None:
    """The tip of the nose is nearer to the camera than the temples, by about half the width of the head."""
    face = seen()["hopper/upright/1"]
    points = mesher.mesh(face.rgb, face.boxes, face.keypoints)[0][0]
    temples = points[[127, 356]]
    width = np.linalg.norm(temples[0] - temples[1])
    assert 0.3 < (temples[:, 2].mean() - points[4, 2]) / width < 0.8


@pytest.mark.parametrize("box", [(-500, -500, -400, -400), (0, 0, 0, 0), (-9000, -9000, 9000, 9000)])
def test_any_box_gives_finite_points(mesher: Mesher, box: tuple[float, ...]) -> None:
    """Outside the frame, empty, much larger than the frame."""
    face = seen()["astronaut/upright/4"]
    points, presence = mesher.mesh(face.rgb, np.array([box], np.float32), face.keypoints, looks=2)
    assert np.isfinite(points).all()
    assert 0 <= presence[0] <= 1


def test_a_row_of_pixels(mesher: Mesher) -> None:
    """As wide as a policy allows by default; OpenCV 4 cannot warp from pictures wider than 32,766 px."""
    rgb = np.zeros((8, 16_384, 3), np.uint8)
    points, _ = mesher.mesh(
        rgb, np.array([[16_000, 0, 16_100, 8]], np.float32), seen()["astronaut/upright/4"].keypoints
    )
    assert np.isfinite(points).all()


def test_no_thread_is_started() -> None:
    """The zygote must be able to fork: the kernel counts one thread after a batch and a single face."""
    program = """
import cv2
from pathlib import Path
from facegate.vision.landmarks import Landmarker
from tests.unit.vision.faces import crowd
cv2.setNumThreads(1)
landmarker = Landmarker()
for count in (3, 1):
    faces = crowd(count)
    landmarker.analyze(faces.rgb, faces.boxes, faces.keypoints, looks=2)
print(len(list(Path("/proc/self/task").iterdir())))
"""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=root, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1"]
