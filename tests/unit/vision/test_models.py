"""Weights that are not the ones we shipped are refused, and models.toml says what LiteRT finds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter

from facegate.errors import AnalysisError
from facegate.vision import models

FOLDER = Path(models.__file__).parent
NAMES = sorted(models.table())


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the weights' folder, from which `models` reads."""
    weights = tmp_path / "weights"
    weights.mkdir()
    for model in models.table().values():
        (weights / model.name).write_bytes((FOLDER / "weights" / model.name).read_bytes())
    monkeypatch.setattr(models.resources, "files", lambda _: tmp_path)
    return weights


@pytest.mark.parametrize("name", NAMES)
def test_one_flipped_bit_is_refused(copy: Path, name: str) -> None:
    """The sentence names the file and nothing else."""
    path = copy / models.table()[name].name
    data = bytearray(path.read_bytes())
    assert models.weights(name) == data
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(AnalysisError, match=f"{models.table()[name].name} is not the one"):
        models.weights(name)


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_weights_are_refused(copy: Path, name: str) -> None:
    """As after a disk that was full."""
    path = copy / models.table()[name].name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(AnalysisError, match="refusing"):
        models.weights(name)


@pytest.mark.parametrize("name", NAMES)
def test_missing_weights_are_refused(copy: Path, name: str) -> None:
    """With a sentence, not with FileNotFoundError."""
    (copy / models.table()[name].name).unlink()
    with pytest.raises(AnalysisError, match=f"{models.table()[name].name} is missing"):
        models.weights(name)


def test_swapped_weights_are_refused(copy: Path) -> None:
    """A model that we ship, under another's name."""
    first, second = (copy / models.table()[name].name for name in ("iris_landmark", "face_landmark"))
    first.write_bytes(second.read_bytes())
    with pytest.raises(AnalysisError):
        models.weights("iris_landmark")


@pytest.mark.parametrize("name", [name for name in NAMES if models.table()[name].name.endswith(".tflite")])
def test_shapes_are_those_of_the_file(name: str) -> None:
    """Inputs and outputs, by name."""
    row = tomllib.loads((FOLDER / "models.toml").read_text())["models"][models.table()[name].name]
    interpreter = Interpreter(model_content=models.weights(name), num_threads=1)
    (taken,) = interpreter.get_input_details()
    assert taken["shape"].tolist() == row["input"] == list(models.table()[name].input)
    assert {item["name"]: item["shape"].tolist() for item in interpreter.get_output_details()} == row["outputs"]
