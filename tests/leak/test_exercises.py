"""The audit passes while each integration is exercised; one process for each, as a user would run it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from facegate.audit.signature import check
from facegate.cli import main

ROOT = Path(__file__).parents[2]
# What each imports that not every environment has.
NEEDS = {"asgi": "httpx", "adapters": "facegate", "recognizer": "facegate", "diffusers": "diffusers"}


def test_every_exercise_is_run_here() -> None:
    found = {each.stem for each in (ROOT / "tests/exercises").glob("*.py")} - {"model"}
    assert found == set(NEEDS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.frameworks] if NEEDS[name] == "diffusers" else []) for name in NEEDS]
)
def test_the_audit_passes_meanwhile(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"the package {NEEDS[name]} is not installed")
    arguments = ["audit", "--exercise", f"tests.exercises.{name}:run", "--out", str(tmp_path)]
    command = [sys.executable, "-c", "from facegate.cli import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=290)
    assert done.returncode == 0, done.stdout + done.stderr
    report = check(json.loads((tmp_path / "facegate-exercise.json").read_text(encoding="utf-8")))
    assert report["passed"]
    assert report["requests"] > 0
    assert CliRunner().invoke(main, ["verify", str(tmp_path / "facegate-exercise.json")]).exit_code == 0
