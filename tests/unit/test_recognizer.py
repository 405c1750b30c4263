"""A user's recognizer from the policy to the arena, through the real child."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import facegate
from facegate.errors import AnalysisError, PolicyError, RequestClosedError, SandboxError
from facegate.memory.arena import ARENA_BYTES, LAYOUT
from fixtures import networks
from fixtures.collection import two_people
from tests.clips import clip
from tests.conftest import child_of, descendants, encode, eventually
from tests.unit.vision import networks as expected

NewId = Callable[[], str]
RUNNERS = ("opencv", "onnxruntime")
# Of the tests' network: the two portraits in two pictures each, 0.98 and more; one with the other, 0.63 and less.
THRESHOLD = 0.8
IDENTITY = ("identity", "identity_normed")


def named(path: Path, **options: Any) -> facegate.Recognizer:
    """The policy's entry for the file as it is now."""
    return facegate.Recognizer(path, hashlib.sha256(path.read_bytes()).hexdigest(), **options)


def gate_with(recognizer: facegate.Recognizer, **options: Any) -> facegate.Gate:
    return facegate.Gate(facegate.Policy(recognizer=recognizer, spares=0, **options))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return networks.written(tmp_path_factory.mktemp("model"), networks.recognizer())


@pytest.fixture(scope="module")
def knowing(model: Path) -> Iterator[facegate.Gate]:
    """A gate whose recognizer states a threshold."""
    with gate_with(named(model, threshold=THRESHOLD)) as gate:
        yield gate


@pytest.fixture(scope="module")
def pair() -> bytes:
    return encode(two_people().rgb, "PNG")


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def identity_of(request: facegate.Request, upload: facegate.ImageUpload, subject: Any = "largest") -> np.ndarray:
    """A copy of the subject's."""
    with request.analyze(upload, subject=subject).subject.expose("identity") as vector:
        return np.array(vector)


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_subject_gets_an_embedding_raw_and_normed(
    model: Path, astronaut: bytes, new_id: NewId, runner: str
) -> None:
    """Equal to what numpy and scikit-image make of the same five points, with either runner."""
    if runner == "onnxruntime":
        pytest.importorskip("onnxruntime", reason="the package onnxruntime")
    with gate_with(named(model, runner=runner)) as gate, gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        subject = request.analyze(upload).subject
        with subject.expose("identity") as raw, subject.expose("identity_normed") as normed:
            assert {(each.shape, each.dtype.name, each.flags.writeable) for each in (raw, normed)} == {
                ((512,), "float32", False)
            }
            assert np.linalg.norm(normed) == pytest.approx(1, abs=1e-5)
            assert np.linalg.norm(raw) > 1.5, "not normed: those who want the raw one want its length"
            assert np.allclose(raw / np.linalg.norm(raw), normed, atol=1e-6)
            with subject.expose("five_points") as points, upload.expose() as rgb:
                crop = cv2.warpAffine(np.array(rgb), expected.to_crop(np.array(points)), (112, 112))
            planes = (crop.transpose(2, 0, 1).astype(np.float32) - 127.5) / 127.5
            assert cosine(raw, expected.forward(planes, expected.weights())) > 0.9999
        assert not raw.any()
        assert not normed.any()


def test_the_receipt_names_the_network(knowing: facegate.Gate, model: Path, new_id: NewId) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        pass
    said = facegate.verify(request.receipt).statements[0]["predicate"]
    assert said["models"]["recognizer"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert said["policy"]["sha256"] == knowing.policy.digest()


def test_nothing_is_left_after_the_request(knowing: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        subject = request.analyze(request.admit(astronaut)).subject
        with subject.expose("identity") as raw, subject.expose("identity_normed") as normed:
            assert raw.any()
            request.finish(np.zeros((8, 8, 3), np.uint8))
            assert not raw.any(), "gone inside the block, because the output was produced"
            assert not normed.any()
    with pytest.raises(RequestClosedError), subject.expose("identity"):
        pass


def test_bystanders_have_none(knowing: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        faces = request.analyze(request.admit(pair), subject=1)
        for name in IDENTITY:
            with pytest.raises(AnalysisError, match="bystander"):
                faces[0].expose(name)
            with pytest.raises(AnalysisError, match="FaceSet exposes"):
                faces.expose(name)


def test_without_a_recognizer_it_says_what_to_do(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        subject = request.analyze(upload).subject
        for name in IDENTITY:
            with pytest.raises(AnalysisError, match=r"Policy\(recognizer=facegate\.Recognizer\(path, sha256\)\)"):
                subject.expose(name)
        with subject.expose("embedding") as geometry:
            assert geometry.any()
        with pytest.raises(AnalysisError, match=r"network that compares faces: name one in the policy"):
            request.analyze(upload, subject=facegate.Reference(upload))


def test_a_reference_selects_the_right_of_two_people(
    knowing: facegate.Gate, pair: bytes, astronaut: bytes, hopper: bytes, new_id: NewId
) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        for photo, index in ((hopper, 1), (astronaut, 0), (hopper, 1)):
            faces = request.analyze(upload, subject=facegate.Reference(request.admit(photo)))
            assert faces.subject is not None
            assert faces.subject.index == index
            with request.redact(upload, keep=faces.subject).expose() as after:
                covered = two_people().boxes[1 - index].astype(int)
                x0, y0, x1, y1 = covered
                assert (after[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].std(axis=(0, 1)) == 0).all()


def test_a_reference_in_a_video(knowing: facegate.Gate, hopper: bytes, new_id: NewId) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        video = request.admit(clip(6, size_wh=(640, 512)), "video")
        faces = request.analyze(video, at=0.1, subject=facegate.Reference(request.admit(hopper)))
        assert faces.subject.index == 1


def test_the_threshold_refuses_who_is_not_there(
    knowing: facegate.Gate, model: Path, astronaut: bytes, hopper: bytes, nobody: bytes, new_id: NewId
) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        upload, photo = request.admit(astronaut), facegate.Reference(request.admit(hopper))
        with pytest.raises(AnalysisError, match=r"none is as like as the recognizer's threshold asks"):
            request.analyze(upload, subject=photo)
        with pytest.raises(AnalysisError, match=r"none is as like"):
            request.analyze(request.admit(nobody), subject=photo)
        with pytest.raises(AnalysisError, match=r"The reference shows no face"):
            request.analyze(upload, subject=facegate.Reference(request.admit(nobody)))
        assert len(request.analyze(upload)) == 1, "the request goes on"
    # The same two pictures, and an entry that asks for less.
    with gate_with(named(model, threshold=0.3)) as lax, lax.open_request(new_id(), purpose="generation") as request:
        photo = facegate.Reference(request.admit(hopper))
        assert request.analyze(request.admit(astronaut), subject=photo).subject.index == 0


def test_what_is_no_usable_reference(knowing: facegate.Gate, model: Path, astronaut: bytes, new_id: NewId) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        for wrong in (astronaut, None, request.redact(upload), request.admit(clip(2), "video")):
            with pytest.raises(AnalysisError, match="A Reference is made of a picture"):
                facegate.Reference(wrong)  # type: ignore[arg-type]
        with knowing.open_request(new_id(), purpose="generation") as other:
            theirs = facegate.Reference(other.admit(astronaut))
            with pytest.raises(AnalysisError, match="not one that this request admitted"):
                request.analyze(upload, subject=theirs)
    with gate_with(named(model)) as gate, gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        with pytest.raises(AnalysisError, match=r"Recognizer\(threshold=\.\.\.\)"):
            request.analyze(upload, subject=facegate.Reference(upload))


def test_the_arena_never_has_the_others(
    knowing: facegate.Gate, model: Path, pair: bytes, hopper: bytes, new_id: NewId
) -> None:
    """Of those who were compared only the subject's embedding is in the arena, byte for byte."""
    with knowing.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        others = [identity_of(request, upload, index) for index in (0, 1)]
    # No other picture of a person is quite the same: with this threshold nobody is chosen.
    for threshold, chosen in ((1.0, False), (THRESHOLD, True)):
        with (
            gate_with(named(model, threshold=threshold)) as gate,
            gate.open_request(new_id(), purpose="generation") as request,
        ):
            window = child_of(request).arena.window(0, ARENA_BYTES)
            everything = window.array(np.float32, (ARENA_BYTES // 4,))
            upload, photo = request.admit(pair), facegate.Reference(request.admit(hopper))
            if chosen:
                assert request.analyze(upload, subject=photo).subject.index == 1
                assert others[1].tobytes() in everything.tobytes()
            else:
                with pytest.raises(AnalysisError, match="none is as like"):
                    request.analyze(upload, subject=photo)
                assert not everything[LAYOUT["identity"].offset // 4 :].any(), "nobody was chosen, and nobody is there"
            for vector in (others[0], others[0] / np.linalg.norm(others[0])):
                assert vector[:4].tobytes() not in everything.tobytes()
            window.revoke()


def test_it_works_inline(model: Path, pair: bytes, hopper: bytes, new_id: NewId, knowing: facegate.Gate) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        wanted = identity_of(request, request.admit(pair), 1)
    with (
        gate_with(named(model, threshold=THRESHOLD), level="inline", ceiling="inline") as gate,
        gate.open_request(new_id(), purpose="generation") as request,
    ):
        upload = request.admit(pair)
        photo = facegate.Reference(request.admit(hopper))
        assert cosine(identity_of(request, upload, photo), wanted) > 0.9999


def test_another_file_than_named_opens_no_gate(tmp_path: Path) -> None:
    path = networks.written(tmp_path, networks.recognizer())
    right = named(path)
    before = descendants()
    for options in ({}, {"level": "inline", "ceiling": "inline"}):
        with pytest.raises(PolicyError, match=r"another than the policy names; its SHA-256 differs\.$"):
            gate_with(facegate.Recognizer(path, "0" * 64), **options)
        with pytest.raises(PolicyError, match=r"no file that can be read at .*/gone\.onnx\.$"):
            gate_with(facegate.Recognizer(tmp_path / "gone.onnx", right.sha256), **options)
    assert descendants() == before


def test_a_file_that_is_swapped_later_is_not_loaded(tmp_path: Path, astronaut: bytes, new_id: NewId) -> None:
    """Requests go on with what was loaded; a new zygote, after the first died, does not take the new file."""
    path = networks.written(tmp_path, networks.recognizer())
    with gate_with(named(path)) as gate:
        with gate.open_request(new_id(), purpose="generation") as request:
            first = identity_of(request, request.admit(astronaut))
        path.write_bytes(networks.recognizer(seed=1))
        with gate.open_request(new_id(), purpose="generation") as request:
            assert (identity_of(request, request.admit(astronaut)) == first).all()
        os.kill(gate.pool._zygote.pid, signal.SIGKILL)
        assert eventually(lambda: not gate.pool._zygote.alive)
        with pytest.raises(PolicyError, match="its SHA-256 differs"), gate.open_request(new_id(), purpose="generation"):
            pass
        path.write_bytes(networks.recognizer())
        with gate.open_request(new_id(), purpose="generation") as request:
            assert (identity_of(request, request.admit(astronaut)) == first).all()


# Of its own size it has next to nothing; a picture in it takes 5.4 GB, which a host may well have.
HUGE = networks.model(
    [
        networks.node("Pad", ["face", "pads"], "wide"),
        networks.node("GlobalAveragePool", ["wide"], "mean"),
        networks.node("Flatten", ["mean"], "flat"),
        networks.node("Gemm", ["flat", "w"], "identity"),
    ],
    [
        networks.tensor("w", np.ones((3, 512), np.float32)),
        networks.whole_tensor("pads", [0, 0, 0, 0, 0, 0, 21_200, 21_200]),
    ],
    [networks.value("face", (1, 3, 112, 112))],
    [networks.value("identity", (1, 512))],
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (networks.recognizer()[:100_000], "no ONNX model, or only a part of one"),
        (networks.recognizer(128), "gives 128 numbers"),
        (networks.recognizer(side=128), r"must be \(1, 3, 112, 112\)"),
        (HUGE, "no ONNX network that OpenCV can run in the memory"),
    ],
    ids=["truncated", "wrong output", "wrong input", "huge"],
)
def test_a_hostile_file_ends_in_one_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = networks.written(tmp_path, data)
    before = descendants()
    with pytest.raises((PolicyError, SandboxError), match=sentence) as caught:
        gate_with(named(path))
    assert isinstance(caught.value, PolicyError)
    assert "\n" not in str(caught.value)
    assert descendants() == before, "no zygote is left"
