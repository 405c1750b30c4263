"""The gate fails on a stage that really is a fifth slower, names it, and passes without that."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gate
from benchmarks.suite import decode as decode_group
from benchmarks.suite import host
from facegate.redact import planes
from facegate.vision.landmarks import Landmarker


def slower(stage: Callable[..., Any], by: float) -> Callable[..., Any]:
    """The stage, which then keeps the processor busy for `by` of the time that it took."""

    @functools.wraps(stage)
    def slowed(*arguments: Any, **named: Any) -> Any:
        begun = time.process_time()
        result = stage(*arguments, **named)
        end = begun + (1 + by) * (time.process_time() - begun)
        while time.process_time() < end:
            pass
        return result

    return slowed


def make_baseline(path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of this host, now; with a margin of 10 %, whatever else the machine does."""
    assert gate.main(["--update", "--times", "3", "--only", name, "--baseline", str(path)]) == 0
    content = json.loads(path.read_text())
    row = content["hosts"][host.key()]["benchmarks"][name]
    row |= {"margin": 0.10, "gated": True}
    path.write_text(json.dumps(content))
    capsys.readouterr()


@pytest.mark.quiet
@pytest.mark.parametrize(
    ("name", "module", "stage"),
    [
        ("kernels.pixelate", planes, "redact_frame"),
        ("mesh.faces_1", Landmarker, "analyze"),
        ("decode.jpeg", decode_group, "decode"),
    ],
)
def test_a_fifth_slower_fails_and_is_named(
    name: str,
    module: Any,
    stage: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "baseline.json"
    check = ["--only", name, "--baseline", str(path), "--out", str(tmp_path / "run.json")]
    for _ in range(3):
        # Anew: where somebody else was busy while it was taken, the gate rather says nothing than something wrong.
        make_baseline(path, name, capsys)
        assert gate.main(check) == 0, capsys.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr(module, stage, slower(getattr(module, stage), 0.2))
            noticed = gate.main(check)
        said = capsys.readouterr()
        if noticed:
            break
    assert noticed == 1, said
    assert f"FAILED {name}: +" in said.err
    assert json.loads((tmp_path / "run.json").read_text())["results"][0]["name"] == name


def test_another_host_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "baseline.json"
    make_baseline(path, "decode.jpeg", capsys)
    content = json.loads(path.read_text())
    content["hosts"] = {"another processor, 64 cores": content["hosts"][host.key()]}
    path.write_text(json.dumps(content))
    assert gate.main(["--only", "decode.jpeg", "--baseline", str(path)]) == 0
    assert "No baseline of this host" in capsys.readouterr().err


def test_a_benchmark_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"schema": 1, "hosts": {host.key(): {"commit": "abc", "load": 0.0, "benchmarks": {}}}}))
    assert gate.main(["--only", "nothing.such", "--baseline", str(path)]) == 2
    assert "There is no benchmark nothing.such" in capsys.readouterr().err


def test_no_baseline_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.main(["--only", "decode.jpeg", "--baseline", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


def test_a_baseline_of_two_runs_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.main(["--update", "--times", "2", "--baseline", str(tmp_path / "none.json")]) == 2
    assert "needs 3 runs" in capsys.readouterr().err


def test_the_committed_baseline_gates_the_frame_path() -> None:
    """What cannot fail is no gate: each of its groups has a benchmark that counts, with a margin that sees a fifth."""
    content = json.loads(gate.BASELINE.read_text(encoding="utf-8"))
    for key, row in content["hosts"].items():
        counted = {name.partition(".")[0] for name, each in row["benchmarks"].items() if each["gated"]}
        assert counted >= {"kernels", "detection", "mesh", "decode"}, key
        # By the wall, which says nothing on a busy machine.
        assert row["load"] > gate.BUSY or "endtoend" in counted, key
        assert all(0 < each["margin"] < 0.2 for each in row["benchmarks"].values())
