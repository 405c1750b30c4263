"""What of a user's file is refused, each in one sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from facegate.errors import PolicyError
from facegate.vision.recognize import Recognition
from facegate.vision.recognize_file import MOST_BYTES
from fixtures import networks
from tests.unit.vision.networks import entry

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
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PolicyError, match=r"pip install 'facegate\[onnx\]'"):
        Recognition(entry(tmp_path, GOOD, runner="onnxruntime"))
