"""A user's network: what of a file is refused, how a face is handed to it, what is left of those that were compared."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.errors import PolicyError
from facegate.recognizer import Recognizer
from facegate.vision import recognize_align as align
from facegate.vision.detect import Detections
from facegate.vision.recognize import Recognition, normed
from facegate.vision.recognize_file import MOST_BYTES
from facegate.vision.recognize_select import MOST_CANDIDATES, select_alike
from fixtures import networks
from tests.unit.vision import networks as expected

RUNNERS = ("opencv", "onnxruntime")


def entry(folder: Path, data: bytes, **options: Any) -> dict[str, Any]:
    """What a policy would say of this model."""
    path = networks.written(folder, data)
    return Recognizer(path, hashlib.sha256(data).hexdigest(), **options).as_dict()


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    if request.param == "onnxruntime":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        pytest.importorskip("onnxruntime", reason="the package onnxruntime")
    return str(request.param)


@pytest.fixture
def picture() -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    return cv2.resize(noise, (500, 400), interpolation=cv2.INTER_CUBIC)


POINTS = np.array([[210, 150], [290, 160], [245, 200], [215, 240], [280, 248]], np.float32)


@pytest.mark.parametrize("size", [112, 128, 224, 256])
def test_the_alignment_is_insightfaces(size: int) -> None:
    """scikit-image's estimate, which theirs is, maps every corner of the crop to within 0.001 pixels."""
    ours = align.similarity(POINTS, align.template(size))
    theirs = expected.to_crop(POINTS, size)
    corners = np.array([[0, 0], [500, 0], [0, 400], [500, 400]], np.float64)
    apart = corners @ (ours[:, :2] - theirs[:, :2]).T + (ours[:, 2] - theirs[:, 2])
    assert np.abs(apart).max() < 1e-3


def test_points_in_one_place_give_numbers() -> None:
    ours = align.similarity(np.full((5, 2), 7, np.float32), align.ARCFACE)
    assert np.isfinite(ours).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"colour": "bgr"},
        {"mean": 127.5, "std": 128},
        {"mean": 0, "std": 255, "colour": "bgr"},
        {"size": 128},
        {"output": "identity"},
    ],
    ids=str,
)
def test_a_face_is_handed_over_as_the_entry_says(
    tmp_path: Path, picture: np.ndarray, runner: str, options: dict[str, Any]
) -> None:
    """Calculated again in numpy, from scikit-image's alignment: order of colours, mean, divisor, size, layout."""
    side = options.get("size", 112)
    model = networks.recognizer(side=side, second="output" in options)
    found = Recognition(entry(tmp_path, model, runner=runner, **options)).of_subject(picture, POINTS)
    crop = cv2.warpAffine(picture, expected.to_crop(POINTS, side), (side, side), flags=cv2.INTER_LINEAR)
    planes = crop.transpose(2, 0, 1).astype(np.float32)
    planes = planes[::-1] if options.get("colour") == "bgr" else planes
    planes = (planes - options.get("mean", 127.5)) / options.get("std", 127.5)
    wanted = expected.forward(planes.astype(np.float32), expected.weights(side=side))
    assert (found.shape, found.dtype) == ((512,), np.float32)
    # A sample of the crop may differ by one where the two alignments round to different 32nds of a pixel.
    assert np.dot(normed(found), normed(wanted)) > 0.99999
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(wanted), rel=2e-3)


def test_a_side_that_is_left_open_is_any(tmp_path: Path, picture: np.ndarray, runner: str) -> None:
    open_side = Recognition(entry(tmp_path, networks.recognizer(batch="N"), runner=runner))
    fixed = Recognition(entry(tmp_path, networks.recognizer(), runner=runner))
    assert np.allclose(open_side.of_subject(picture, POINTS), fixed.of_subject(picture, POINTS), atol=1e-5)


GOOD = networks.recognizer()
FACE = networks.value("face", (1, 3, 112, 112))
OUT = networks.value("identity", (1, 512))


def graphs_in_graphs(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = networks.field(1, networks.field(5, networks.field(6, graph)))
    return networks.field(7, graph)


BAD = {
    "empty": (b"", "no ONNX model"),
    "noise": (np.random.default_rng(0).bytes(5000), "no ONNX model"),
    "half": (GOOD[: len(GOOD) // 2], "no ONNX model"),
    "all but a byte": (GOOD[:-1], "no ONNX model"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "no ONNX model"),
    "two graphs": (GOOD + GOOD, "no ONNX model"),
    "graphs in graphs": (graphs_in_graphs(500), "no ONNX model"),
    "128 numbers": (networks.recognizer(128), "gives 128 numbers for a face; it must be 512"),
    "1024 numbers": (networks.recognizer(1024), "gives 1024 numbers"),
    "another size": (networks.recognizer(side=128), r"takes \(1, 3, 128, 128\); .* must be \(1, 3, 112, 112\)"),
    "two faces": (networks.recognizer(batch=2), r"takes \(2, 3, 112, 112\)"),
    "two outputs": (networks.recognizer(second=True), "has 2 outputs; name one"),
    "channels last": (networks.model([], [], [networks.value("face", (1, 112, 112, 3))], [OUT]), r"\(1, 112, 112, 3\)"),
    "no input": (networks.model([], [], [], [OUT]), "takes 0 inputs"),
    "two inputs": (networks.model([], [], [FACE, networks.value("more", (1,))], [OUT]), "takes 2 inputs"),
    "whole numbers": (
        networks.model(
            [], [], [networks.field(1, "face") + networks.field(2, networks.field(1, networks.field(1, 7)))], [OUT]
        ),
        "no tensor of float32",
    ),
    "weights elsewhere": (
        networks.model(
            [networks.node("Conv", ["face", "w"], "identity")],
            [networks.elsewhere("w", (8, 3, 4, 4), "/etc/passwd")],
            [FACE],
            [OUT],
        ),
        "weights in other files",
    ),
    "weights elsewhere, in a node": (
        networks.model(
            [
                networks.node(
                    "Constant",
                    [],
                    "w",
                    networks.field(1, "value") + networks.field(5, networks.elsewhere("", (8,), "w")),
                )
            ],
            [],
            [FACE],
            [OUT],
        ),
        "weights in other files",
    ),
    "an operator that does not exist": (
        networks.model([networks.node("Recognize", ["face"], "identity")], [], [FACE], [OUT]),
        "no ONNX network that",
    ),
    "a name that nobody gives": (
        networks.model([networks.node("Relu", ["nobody"], "identity")], [], [FACE], [OUT]),
        "no ONNX network that",
    ),
    "shapes that do not fit": (
        networks.model(
            [networks.node("Gemm", ["face", "w"], "identity")],
            [networks.tensor("w", np.zeros((5, 7), np.float32))],
            [FACE],
            [OUT],
        ),
        "no ONNX network that",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_sentence(tmp_path: Path, runner: str, what: str) -> None:
    data, sentence = BAD[what]
    with pytest.raises(PolicyError, match=sentence) as caught:
        Recognition(entry(tmp_path, data, runner=runner))
    assert caught.value.reason.startswith("Policy.recognizer: ")
    assert caught.value.reason.endswith(".") or caught.value.reason.endswith("output=...")
    assert "\n" not in caught.value.reason
    assert caught.value.__cause__ is None


def test_the_output_must_be_one_of_the_models(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no output named 'embedding'"):
        Recognition(entry(tmp_path, GOOD, output="embedding"))
    with pytest.raises(PolicyError, match="gives 784 numbers"):
        Recognition(entry(tmp_path, networks.recognizer(second=True), output="patches"))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    named = entry(tmp_path, GOOD)
    with pytest.raises(PolicyError, match="its SHA-256 differs"):
        Recognition(named | {"sha256": "0" * 64})
    with pytest.raises(PolicyError, match=r"no file that can be read at .*missing\.onnx"):
        Recognition(named | {"path": str(tmp_path / "missing.onnx")})
    with pytest.raises(PolicyError, match="no plain file"):
        Recognition(named | {"path": str(tmp_path)})
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: opening it would wait for ever
    with pytest.raises(PolicyError, match="no plain file"):
        Recognition(named | {"path": str(tmp_path / "pipe")})
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(PolicyError, match="has more than 1024 MiB"):
        Recognition(named | {"path": str(tmp_path / "large.onnx")})


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(PolicyError, match=r"pip install 'facegate\[onnx\]'"):
        Recognition(entry(tmp_path, GOOD, runner="onnxruntime"))


def test_numbers_that_are_none_are_refused(tmp_path: Path, picture: np.ndarray, runner: str) -> None:
    """A network may give what is no number for a face and not for the black picture that it is tried on."""
    root = networks.model(
        [
            networks.node("Sqrt", ["face"], "root"),  # of samples less 127.5
            networks.node("Flatten", ["root"], "flat", networks.whole("axis", 1, several=False)),
            networks.node("Gemm", ["flat", "w"], "identity"),
        ],
        [networks.tensor("w", np.ones((3 * 112 * 112, 512), np.float32))],
        [FACE],
        [OUT],
    )
    with pytest.raises(Refusal, match=r"recognizer\.output"):
        Recognition(entry(tmp_path, root, runner=runner)).of_subject(picture, POINTS)


def detections(*points: np.ndarray) -> Detections:
    """Faces of which only the key points are looked at."""
    count = len(points)
    keypoints = np.zeros((count, 6, 2), np.float32)
    for each, five in zip(keypoints, points, strict=True):
        each[:3], each[3] = five[:3], five[3:].mean(axis=0)
    return Detections(np.zeros((count, 4), np.float32), np.ones(count, np.float32), keypoints)


class Watched(Recognition):
    """Keeps every vector that it gave, and counts how often it was told to forget."""

    def __init__(self, named: dict[str, Any]) -> None:
        super().__init__(named)
        self.given: list[np.ndarray] = []
        self.asked = self.forgot = 0

    def of_candidate(self, rgb: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        vector = super().of_candidate(rgb, keypoints)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        self.asked += 1
        self.given.append(vector)
        return vector

    def forget(self) -> None:
        super().forget()
        self.forgot += 1


def test_the_face_most_like_the_reference_is_chosen_and_no_vector_is_left(tmp_path: Path, picture: np.ndarray) -> None:
    watched = Watched(entry(tmp_path, GOOD, threshold=0.9))
    others = [POINTS + shift for shift in ([-140, -90], [90, 80], [-60, 70])]
    for place in range(4):
        points = [*others[:place], POINTS + np.float32(0.5), *others[place:]]
        chosen = select_alike(watched, picture, detections(POINTS, others[0]), picture, detections(*points))
        assert chosen == place
    assert watched.asked == 4 * 5, "of the reference, its largest face alone"
    assert watched.forgot == 4
    assert not any(vector.any() for vector in watched.given)


def test_nobody_is_chosen_below_the_threshold(tmp_path: Path, picture: np.ndarray) -> None:
    watched = Watched(entry(tmp_path, GOOD, threshold=0.9))
    other = POINTS + np.float32([-140, -90])
    for faces in (detections(other), detections()):
        with pytest.raises(Refusal, match=r"reference\.unlike"):
            select_alike(watched, picture, detections(POINTS), picture, faces)
    assert watched.forgot == 2
    assert not any(vector.any() for vector in watched.given)
    with pytest.raises(Refusal, match=r"reference\.nobody"):
        select_alike(watched, picture, detections(), picture, detections(other))
    with pytest.raises(Refusal, match=r"reference\.crowd"):
        select_alike(watched, picture, detections(POINTS), picture, detections(*[other] * (MOST_CANDIDATES + 1)))
    assert watched.asked == 3, "a crowd is not embedded"


def test_a_vector_of_zeros_stays_one() -> None:
    assert not normed(np.zeros(512, np.float32)).any()
