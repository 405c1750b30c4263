"""Detectors of another package, installed beside facegate, through a real gate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import facegate
from facegate.errors import (
    AnalysisError,
    FacegateError,
    LimitExceededError,
    PolicyError,
    SandboxSetupError,
    ViolationError,
)
from facegate.sandbox.seccomp.install import supported
from facegate.vision.detect import Detector
from fixtures.environments import environment, package
from fixtures.portraits import HEADS, portrait
from tests.conftest import encode

NAMES = ("Blind", "Nonsense", "Offered", "Threads", "Unnamed", "broken")
SOURCE = (Path(__file__).parent / "offered.py").read_text(encoding="utf-8")
# What the first number of a picture tells the detector to do; see there.
BOXES_ALONE, DRAW, FAIL, LIE, CROWD, CALL, KEEP, ONE_BOX = range(1, 9)
# How far the mesh from a box alone may lie from the one from facegate's own detector: of the distance between the eyes.
# 0.6 % where the eyes were looked for, 12 % where they are taken to be level.
SAME_MESH = 0.03


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the package is installed."""
    folder = tmp_path_factory.mktemp("offered")
    lines = [f"{name} = facegate_offered:{name}" for name in NAMES]
    installed = package(folder / "packages", "facegate_offered", SOURCE, "\n".join(["[facegate.detectors]", *lines]))
    return environment(folder / "environment", [installed])


@pytest.fixture(scope="module")
def theirs(python: Path) -> Iterator[facegate.Gate]:
    """A gate whose detector is the package's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        gate = facegate.Gate(facegate.Policy(detector="Offered", spares=0))
    with gate:
        yield gate


def upload(what: int, rgb: np.ndarray | None = None) -> bytes:
    """A portrait, lossless, that tells the detector what to do."""
    picture = portrait("astronaut").copy() if rgb is None else rgb
    picture[0, 0, 0] = what
    return encode(picture, "PNG")


def landmarks(faces: facegate.FaceSet) -> np.ndarray:
    """The subject's, copied."""
    assert faces.subject is not None
    with faces.subject.expose("landmarks") as shown:
        return shown.copy()


def test_its_boxes_are_the_faces_and_the_subject_is_meshed(
    theirs: facegate.Gate, astronaut: bytes, gate: facegate.Gate, new_id: Callable[[], str]
) -> None:
    with theirs.open_request(new_id(), purpose="generation") as request:
        faces = request.analyze(request.admit(astronaut))
        with faces.expose("boxes") as boxes, faces.expose("confidence") as confidence:
            assert boxes.tolist() == [list(HEADS["astronaut"].box)]
            assert confidence.tolist() == [0.75]
        mesh = landmarks(faces)
        assert request.receipt is not None
        assert request.receipt.statement()["predicate"]["models"]["Offered: lookup"] == {"sha256": "0" * 64}
    with gate.open_request(new_id(), purpose="generation") as request:
        ours = landmarks(request.analyze(request.admit(astronaut)))
    # Wherever facegate's look at the whole picture sees the same face, the mesh begins there, whoever found it.
    assert np.array_equal(mesh, ours)


def test_without_key_points_the_subject_is_looked_at_more_closely(
    theirs: facegate.Gate, gate: facegate.Gate, new_id: Callable[[], str]
) -> None:
    """A face that is small and tilted: facegate's look at the whole picture does not see it, and a box has no tilt."""
    left, top, right, bottom = HEADS["astronaut"].box
    centre = (left + right) / 2, (top + bottom) / 2
    warp = cv2.getRotationMatrix2D(centre, 35, 192 / 512)
    warp[:, 2] += 256 - np.array(centre)
    rgb = cv2.warpAffine(portrait("astronaut"), warp, (512, 512), flags=cv2.INTER_AREA, borderValue=(128, 128, 128))
    assert not len(Detector().glance(rgb).boxes)
    meshes = []
    for each, what in ((theirs, ONE_BOX), (gate, 0)):
        with each.open_request(new_id(), purpose="generation") as request:
            meshes.append(landmarks(request.analyze(request.admit(upload(what, rgb)))))
    eyes = np.linalg.norm(meshes[1][263, :2] - meshes[1][33, :2])
    assert np.linalg.norm(meshes[0][:468] - meshes[1][:468], axis=1).mean() < SAME_MESH * eyes


def test_redaction_covers_whom_it_found(theirs: facegate.Gate, new_id: Callable[[], str]) -> None:
    with theirs.open_request(new_id(), purpose="generation") as request:
        admitted = request.admit(upload(BOXES_ALONE))
        faces = request.analyze(admitted)
        safe = request.redact(admitted, keep=faces.subject)
        with safe.expose() as covered, admitted.expose() as plain:
            assert len(np.unique(covered[25:45, 25:45].reshape(-1, 3), axis=0)) == 1
            assert np.array_equal(covered[100:150, 200:250], plain[100:150, 200:250])


@pytest.mark.parametrize(
    ("what", "error", "sentence"),
    [
        (DRAW, AnalysisError, "failed on this picture"),
        (FAIL, AnalysisError, "failed on this picture"),
        (LIE, AnalysisError, "no boxes"),
        (CROWD, LimitExceededError, "more faces than a request may handle"),
    ],
)
def test_its_misbehaviour_is_an_error_of_the_request(
    theirs: facegate.Gate, new_id: Callable[[], str], what: int, error: type[FacegateError], sentence: str
) -> None:
    """And the request goes on: the upload is as it was."""
    with theirs.open_request(new_id(), purpose="generation") as request:
        admitted = request.admit(upload(what))
        with pytest.raises(error, match=sentence) as caught:
            request.analyze(admitted)
        assert "marker" not in repr(caught.value.__context__) + str(caught.value)
        with admitted.expose() as pixels:
            assert np.array_equal(pixels[1:], portrait("astronaut")[1:])


@pytest.mark.parametrize(("what", "call"), [(CALL, "socket"), (KEEP, "openat")])
def test_its_reaching_out_ends_the_child(
    theirs: facegate.Gate, new_id: Callable[[], str], what: int, call: str
) -> None:
    """What a library may be declined, as mediapipe is, is not for whoever offers a detector."""
    if (why := supported()) is not None:
        pytest.skip(f"seccomp: {why}")
    with theirs.open_request(new_id(), purpose="generation") as request:
        admitted = request.admit(upload(what))
        with pytest.raises(ViolationError) as caught:
            request.analyze(admitted)
        assert caught.value.syscall == call
    assert not Path("/tmp/facegate-offered").exists()


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("broken", PolicyError, "The detector 'broken' could not be made: OSError: no weights in /opt"),
        ("Blind", PolicyError, "has no detect method"),
        ("Unnamed", PolicyError, "SHA-256, lower-case hex"),
        ("Nonsense", PolicyError, "was tried: The detector that the policy names gave what are no boxes"),
        ("Threads", SandboxSetupError, "started a thread"),
        ("Missing", PolicyError, f"offered are: {', '.join(NAMES)}"),
    ],
)
def test_one_that_cannot_serve_opens_no_gate(
    python: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[FacegateError], sentence: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(error, match=sentence):
        facegate.Gate(facegate.Policy(detector=name, spares=0))
