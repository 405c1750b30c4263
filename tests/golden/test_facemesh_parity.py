"""Our mesh and irises against mediapipe 0.10.21's FaceMesh, on two portraits, turned, mirrored and shrunk.

Errors are distances in x and y, in per cent of the distance between the centres of the irises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facegate.vision.detect import Detections, Detector
from facegate.vision.landmarks import Landmarker
from facegate.vision.subject import mesh_input
from fixtures.portraits import PORTRAITS
from tests.golden.variants import digest, in_upright, variants

MESH_BAR = 2.0  # per cent, mean over the points
IRIS_BAR = 5.0
RIGHT_IRIS, LEFT_IRIS = slice(468, 473), slice(473, 478)
SCANS = ("large", "everyone")


@dataclass(frozen=True)
class Picture:
    """One variant, what mediapipe says about it (see `make_facemesh_golden`), and our detections."""

    name: str
    rgb: NDArray[np.uint8]
    golden: dict[str, NDArray[np.float32]]
    detected: dict[str, Detections]

    @property
    def eyes_apart(self) -> float:
        """Distance between the centres of the irises, pixels."""
        refined = self.golden["refined"][0]
        return float(np.linalg.norm(refined[468, :2] - refined[473, :2]))

    def error(self, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of each point."""
        return np.linalg.norm(ours[:, :2] - theirs[:, :2], axis=1) / self.eyes_apart * 100


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """All variants; fails if one is not the picture that mediapipe saw."""
    detector = Detector()
    parts = ("mesh", "settled", "refined", "boxes", "keypoints")
    with np.load(Path(__file__).with_name("facemesh_0_10_21.npz"), allow_pickle=False) as golden:
        digests = json.loads(str(golden["digests"]))
        found = []
        for name, rgb in variants():
            assert digest(rgb) == digests[name], f"{name} is not the picture that mediapipe saw"
            theirs = {part: golden[f"{name}|{part}".replace("/", "|")] for part in parts}
            found.append(Picture(name, rgb, theirs, {scan: detector.detect(rgb, scan=scan) for scan in SCANS}))
    assert len(found) == len(digests)
    return found


@pytest.fixture(scope="module")
def landmarker() -> Landmarker:
    """One for all tests."""
    return Landmarker()


def judge(rows: Sequence[tuple[str, NDArray[np.float64]]], bar: float) -> None:
    """Fail with the whole table if the mean error of a row is over the bar."""
    table = "\n".join(
        f"{'OVER' if e.mean() > bar else '    '} {name:24} {e.mean():6.2f} {e.max():6.2f}" for name, e in rows
    )
    means = np.array([errors.mean() for _, errors in rows])
    summary = f"mean {means.mean():.2f}, worst variant {means.max():.2f}"
    print(summary)
    assert means.max() <= bar, (
        f"over {bar} % of the distance between the eyes; {summary}; mean and max of each:\n{table}"
    )


@pytest.mark.parametrize("scan", SCANS)
def test_as_many_faces_as_mediapipe(pictures: list[Picture], scan: str) -> None:
    """One face in every variant."""
    wrong = {
        p.name: len(p.detected[scan].boxes) for p in pictures if len(p.detected[scan].boxes) != len(p.golden["mesh"])
    }
    assert not wrong, wrong


def test_mesh_from_mediapipes_own_boxes(pictures: list[Picture], landmarker: Landmarker) -> None:
    """The detector aside, what is left is how crops are cut and points mapped: a tenth of the bar, z as well."""
    rows = []
    for p in pictures:
        ours = landmarker.analyze(p.rgb, p.golden["boxes"], p.golden["keypoints"]).landmarks[0, :468]
        rows.append((p.name, p.error(ours, p.golden["mesh"][0])))
        depth = np.abs(ours[:, 2] - p.golden["mesh"][0, :, 2]).mean() / p.eyes_apart * 100
        assert depth <= MESH_BAR / 10, (p.name, depth)
    judge(rows, MESH_BAR / 10)


def test_mesh_of_large_scan(pictures: list[Picture], landmarker: Landmarker) -> None:
    """The scan that looks as mediapipe looks gives the points of FaceMesh in static_image_mode."""
    rows = []
    for p in pictures:
        faces = p.detected["large"]
        ours = landmarker.analyze(p.rgb, faces.boxes[:1], faces.keypoints[:1]).landmarks[0]
        rows.append((p.name, p.error(ours[:468], p.golden["mesh"][0])))
    judge(rows, MESH_BAR)


@pytest.mark.parametrize("scan", SCANS)
def test_mesh_of_the_subject(pictures: list[Picture], landmarker: Landmarker, scan: str) -> None:
    """What a request does: after either scan the subject's points are those of FaceMesh in static_image_mode."""
    detector = Detector()
    rows = []
    for p in pictures:
        box, points = mesh_input(detector, p.rgb, p.detected[scan], 0)
        ours = landmarker.analyze(p.rgb, box, points).landmarks[0]
        rows.append((p.name, p.error(ours[:468], p.golden["mesh"][0])))
        irises = p.error(ours, p.golden["refined"][0])
        assert max(irises[RIGHT_IRIS].mean(), irises[LEFT_IRIS].mean()) <= IRIS_BAR, p.name
    judge(rows, MESH_BAR)


def test_mesh_of_everyone_scan(pictures: list[Picture], landmarker: Landmarker) -> None:
    """From boxes that are not mediapipe's, our points settle where mediapipe's do.

    The answer of static_image_mode is no yardstick here: it hangs on the tilt that the detector saw, which in turned
    pictures is wrong by more than 10 degrees, and mediapipe leaves it by more than the bar on 48 of these 54 pictures
    as soon as it looks again. A single look from these boxes is off by 2.0 % of it in the mean and by 4.9 % at worst,
    over the bar on 21 pictures.
    """
    rows = []
    for p in pictures:
        faces = p.detected["everyone"]
        ours = landmarker.analyze(p.rgb, faces.boxes[:1], faces.keypoints[:1], looks=4).landmarks[0]
        rows.append((p.name, p.error(ours[:468], p.golden["settled"][0])))
    judge(rows, MESH_BAR)


@pytest.mark.parametrize(("scan", "looks"), [("large", 1), ("everyone", 1), ("everyone", 2)])
def test_irises(pictures: list[Picture], landmarker: Landmarker, scan: str, looks: int) -> None:
    """Against the irises of refine_landmarks=True, each eye for itself, so that left and right cannot be swapped."""
    rows = []
    for p in pictures:
        faces = p.detected[scan]
        ours = landmarker.analyze(p.rgb, faces.boxes[:1], faces.keypoints[:1], looks=looks).landmarks[0]
        errors = p.error(ours, p.golden["refined"][0])
        rows += [(f"{p.name} right", errors[RIGHT_IRIS]), (f"{p.name} left", errors[LEFT_IRIS])]
    judge(rows, IRIS_BAR)


def test_second_look_scatters_less_than_mediapipe(pictures: list[Picture], landmarker: Landmarker) -> None:
    """Points of turned and shrunk pictures, turned and grown back, lie closer together than in static_image_mode.

    Measured: ours 1.4 and 1.2 % (astronaut, hopper), mediapipe's 2.6 and 1.3 %.
    """
    scatter = []
    for who in PORTRAITS:
        ours, theirs = [], []
        for p in pictures:
            if p.name.startswith(who) and ("upright" in p.name or "turned" in p.name):
                faces = p.detected["everyone"]
                mesh = landmarker.analyze(p.rgb, faces.boxes[:1], faces.keypoints[:1], looks=2).landmarks[0, :468]
                ours.append(in_upright(p.name, mesh[:, :2]))
                theirs.append(in_upright(p.name, p.golden["mesh"][0, :, :2]))
        apart = next(p.eyes_apart for p in pictures if p.name == f"{who}/upright/1")
        scatter.append([_scatter(ours) / apart * 100, _scatter(theirs) / apart * 100])
    print(scatter)
    ours_mean, theirs_mean = np.mean(scatter, axis=0)
    assert ours_mean < 0.85 * theirs_mean, scatter


def _scatter(points: list[NDArray[np.float64]]) -> float:
    """Mean distance to the mean, over all points and pictures."""
    return float(np.linalg.norm(np.array(points) - np.mean(points, axis=0), axis=2).mean())
