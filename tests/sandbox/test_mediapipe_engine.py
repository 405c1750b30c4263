"""``Policy(engine="mediapipe")`` through a real gate, and its parts in a real child.

The bundle is the nearest to Google's own that can be made here, see `fixtures.bundles`. ``FACEGATE_LANDMARKER`` names a
real one, if there is one.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import facegate
from facegate.engine import Engine
from facegate.errors import AnalysisError, PolicyError
from facegate.sandbox.child import Child
from facegate.sandbox.seccomp.install import supported
from facegate.vision.boxes import iou
from facegate.vision.engines.bundle import KNOWN
from fixtures.bundles import LIDS, SHAPES, near_bundle
from fixtures.environments import MEDIAPIPE, environment, without_mediapipe
from fixtures.portraits import HEADS, portrait
from tests.conftest import encode
from tests.sandbox.parts import ask, parts_of

REAL = os.environ.get("FACEGATE_LANDMARKER")


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    if (lacking := without_mediapipe()) is not None:
        pytest.skip(lacking)
    if (why := supported()) is not None:
        pytest.skip(f"seccomp, without which nothing is declined: {why}")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which mediapipe is installed."""
    return environment(tmp_path_factory.mktemp("engine") / "environment", [MEDIAPIPE])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that is near to the real one."""
    path = tmp_path_factory.mktemp("bundle") / "face_landmarker.task"
    path.write_bytes(near_bundle())
    return path


def opened(python: Path, **policy: Any) -> facegate.Gate:
    """A gate whose zygote runs in that environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        return facegate.Gate(facegate.Policy(spares=1, **policy))


@pytest.fixture(scope="module")
def detecting(python: Path) -> Iterator[facegate.Gate]:
    """Mediapipe's FaceDetector, facegate's mesh."""
    with opened(python, engine="mediapipe") as made:
        yield made


@pytest.fixture(scope="module")
def meshing(python: Path, bundle: Path) -> Iterator[facegate.Gate]:
    """Mediapipe's FaceDetector and FaceLandmarker."""
    with opened(python, engine="mediapipe", landmarker=bundle) as made:
        yield made


def exposed(face: facegate.Face, name: str) -> np.ndarray:
    """One product, copied."""
    with face.expose(name) as shown:
        return shown.copy()


def declined(request: facegate.Request) -> dict[str, int]:
    """What the request's child was declined."""
    assert request._custody is not None
    return request._custody._child.declined  # type: ignore[attr-defined]


def maps(gate: facegate.Gate) -> str:
    """What the gate's zygote has mapped."""
    try:
        return Path(f"/proc/{gate.pool.zygote().pid}/maps").read_text(encoding="utf-8")  # type: ignore[attr-defined]
    except PermissionError:
        pytest.skip("CAP_SYS_PTRACE, to see what the zygote has mapped")


def test_the_default_engine_never_loads_it_where_it_is_installed(python: Path, detecting: facegate.Gate) -> None:
    with opened(python) as gate:
        assert "mediapipe" not in maps(gate)
    assert "libmediapipe.so" in maps(detecting)


def test_it_finds_the_face_without_the_network_and_without_a_word(
    detecting: facegate.Gate, astronaut: bytes, new_id: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    with detecting.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut), scan="large").subject
        assert face is not None
        box = exposed(face, "box")
        assert iou(box[None], np.array([HEADS["astronaut"].box], np.float32))[0, 0] > 0.6
        assert np.array_equal(box, np.round(box)), "FaceDetector's own boxes are of whole pixels"
        assert exposed(face, "confidence")[0] > 0.8
        assert {"madvise", "timer_create"} <= declined(request).keys() <= Engine("mediapipe").declines.keys()
        with pytest.raises(AnalysisError, match="made by the engine mediapipe alone"):
            exposed(face, "blendshapes")
    # Its detector was never closed, so it never began to report its usage.
    assert not declined(request).keys() & {"socket", "pipe", "pipe2"}
    assert request.receipt is not None
    assert request.receipt.statement()["predicate"]["child"]["end"] == "killed at purge"
    assert "mediapipe" not in sys.modules
    assert capfd.readouterr() == ("", "")


def test_nobody_is_covered_less_than_by_facegates_own(
    detecting: facegate.Gate, gate: facegate.Gate, new_id: Callable[[], str]
) -> None:
    """A face that FaceDetector cannot see beside one that it does."""
    rgb = np.full((512, 700, 3), 120, np.uint8)
    rgb[:, :512] = portrait("astronaut")
    rgb[10:138, 540:668] = cv2.resize(portrait("astronaut"), (128, 128), interpolation=cv2.INTER_AREA)
    found = []
    for each, scan in ((detecting, "large"), (detecting, "everyone"), (gate, "everyone")):
        with each.open_request(new_id(), purpose="generation") as request:
            faces = request.analyze(request.admit(encode(rgb, "PNG")), subject="none", scan=scan)  # type: ignore[arg-type]
            with faces.expose("boxes") as boxes:
                found.append(boxes.copy())
    assert [len(each) for each in found] == [1, 2, 2]
    assert (iou(found[1], found[2]).max(axis=0) > 0.5).all()


def test_the_bundles_mesh_and_blendshapes_are_the_subjects(
    meshing: facegate.Gate, gate: facegate.Gate, bundle: Path, astronaut: bytes, new_id: Callable[[], str]
) -> None:
    with meshing.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut)).subject
        assert face is not None
        mesh, shapes = exposed(face, "landmarks"), exposed(face, "blendshapes")
        pose = exposed(face, "pose")
        models = request.receipt.statement()["predicate"]["models"]  # type: ignore[union-attr]
    with gate.open_request(new_id(), purpose="generation") as request:
        other = request.analyze(request.admit(astronaut)).subject
        assert other is not None
        ours, our_pose = exposed(other, "landmarks"), exposed(other, "pose")
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert models["face_landmarker.task (of no known release)"] == {"sha256": digest}
    # The same network behind mediapipe's own way of looking at a face: the mesh agrees, in depth too.
    eyes = np.linalg.norm(ours[263] - ours[33])
    assert np.linalg.norm(mesh[:468] - ours[:468], axis=1).mean() < 0.05 * eyes
    assert np.abs(mesh[:468, 2]).max() > 0.2 * eyes
    assert np.abs(pose - our_pose).max() < 4
    assert np.array_equal(mesh[468:], mesh[list(LIDS)])
    assert np.abs(shapes - SHAPES).max() < 1e-3


def test_the_subject_is_meshed_and_not_a_larger_face_beside_it(
    meshing: facegate.Gate, new_id: Callable[[], str]
) -> None:
    rgb = np.concatenate([portrait("astronaut")[:400, 60:400], portrait("hopper")[60:460, 80:480]], axis=1)
    with meshing.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(encode(rgb, "PNG"))
        for index in (0, 1):
            face = request.analyze(upload, subject=index).subject
            assert face is not None
            box, mesh = exposed(face, "box"), exposed(face, "landmarks")
            around = np.concatenate([mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)])
            assert iou(around[None], box[None])[0, 0] > 0.35


@pytest.fixture(scope="module")
def parts(bundle: Path) -> Iterator[Child]:
    """A child around the engine's parts, with the bundle."""
    with parts_of(bundle) as child:
        yield child


def test_a_mesh_that_lies_elsewhere_is_not_the_subjects(parts: Child) -> None:
    """The square around the box has a face in it, but not where the box is: somebody else's."""
    rgb, (left, top, right, bottom) = portrait("astronaut"), HEADS["astronaut"].box
    assert ask(parts, rgb, do="mesh", box=[left, top, right, bottom])["points"] == 478
    for box in ([left, bottom, right, 2 * bottom - top], [right, top, 2 * right - left, bottom], [900, 900, 950, 950]):
        with pytest.raises(AnalysisError, match="sees no face where the subject is"):
            ask(parts, rgb, do="mesh", box=box)


@pytest.mark.skipif(REAL is None, reason="a real face_landmarker.task, named by FACEGATE_LANDMARKER")
def test_the_real_bundle(python: Path, gate: facegate.Gate, astronaut: bytes, new_id: Callable[[], str]) -> None:
    assert REAL is not None
    with (
        opened(python, engine="mediapipe", landmarker=REAL) as real,
        real.open_request("r", purpose="generation") as request,
    ):
        face = request.analyze(request.admit(astronaut)).subject
        assert face is not None
        mesh, shapes = exposed(face, "landmarks"), exposed(face, "blendshapes")
        models = request.receipt.statement()["predicate"]["models"]  # type: ignore[union-attr]
    digest = hashlib.sha256(Path(REAL).read_bytes()).hexdigest()
    assert models[f"face_landmarker.task ({KNOWN[digest]})"] == {"sha256": digest}
    with gate.open_request(new_id(), purpose="generation") as request:
        other = request.analyze(request.admit(astronaut)).subject
        assert other is not None
        ours = exposed(other, "landmarks")
    eyes = np.linalg.norm(ours[263] - ours[33])
    assert np.linalg.norm(mesh[:, :2] - ours[:, :2], axis=1).mean() < 0.1 * eyes
    assert shapes.min() >= 0
    assert shapes.max() <= 1


def test_where_it_is_not_installed_no_gate_opens() -> None:
    with pytest.raises(PolicyError, match=r"needs mediapipe 0\.10\.35 or later"):
        facegate.Gate(facegate.Policy(engine="mediapipe", spares=0))
