"""What a process holds of people who were compared with a reference: nothing that a look at all its memory finds."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facegate.sandbox.host import ENVIRONMENT
from fixtures import networks
from tests.leak import candidates

PIECE = 8  # numbers that are looked for in a row
ROOT = Path(__file__).parents[2]


def pictures() -> np.ndarray:
    """Two that have nothing to do with each other; noise is found in memory if it is there."""
    return np.random.default_rng(7).integers(0, 256, (2, candidates.SIDE, candidates.SIDE, 3), np.uint8)


def memory_of(pid: int) -> bytes:
    """All that it can write to."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end, rights = re.match(r"(\w+)-(\w+) (....)", line).groups()
            if rights.startswith("rw"):
                memory.seek(int(start, 16))
                found.append(memory.read(int(end, 16) - int(start, 16)))
    return b"".join(found)


def left(how: str, runner: str, model: Path, vector: np.ndarray) -> set[str]:
    """Which of a candidate's vectors a process has after it: "normed" as compared, "raw" as the network gave it."""
    command = [sys.executable, str(candidates.__file__), how, runner, str(model)]
    command.append(hashlib.sha256(model.read_bytes()).hexdigest())
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    ) as process:
        process.stdin.write(pictures().tobytes())
        process.stdin.flush()
        assert process.stdout.readline() == b"reference.unlike\n"
        seen = memory_of(process.pid)
        process.stdin.close()
    scales = {"raw": vector, "normed": vector / np.float32(np.linalg.norm(vector))}
    return {
        name
        for name, values in scales.items()
        if any(values[at : at + PIECE].tobytes() in seen for at in range(0, len(values) - PIECE, PIECE))
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return networks.written(tmp_path_factory.mktemp("model"), networks.recognizer())


def vector_of(runner: str, model: Path) -> np.ndarray:
    """The candidate's, as the network gives it."""
    recognition = candidates.made(str(model), hashlib.sha256(model.read_bytes()).hexdigest(), runner)
    return recognition._embed(pictures()[1], candidates.POINTS[:4], recognition._four)


@pytest.mark.parametrize("runner", ["opencv", "onnxruntime"])
def test_no_vector_is_left_of_who_was_compared(model: Path, runner: str) -> None:
    if runner == "onnxruntime":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        pytest.importorskip("onnxruntime", reason="the package onnxruntime")
    vector = vector_of(runner, model)
    assert "normed" in left("kept", runner, model, vector), "the control: a vector that is kept is found"
    assert left("shipped", runner, model, vector) == set()
    if runner == "opencv":
        assert "raw" in left("unforgotten", runner, model, vector), "its working memory is what has to forget"
