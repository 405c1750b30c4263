"""``facegate policy show | check | diff``, as a person would run it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from facegate import rules
from facegate.cli import main

BAD = "[policy]\nname = 'x'\nversion = 1\neffective = 2026-01-01\n[purposes.safety]\nsays = 'x'\ngeometry = 3\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments])


def test_show() -> None:
    done = run("show")
    assert done.exit_code == 0
    assert rules.shipped().digest() in done.output
    for word in (*rules.shipped().purposes, "default, version 1", "from 16"):
        assert word in done.output
    said = json.loads(run("show", "guardian", "--json").output)
    assert said["ages"]["guardian-below"] == 18
    assert said["sha256"] == rules.load("guardian").digest()
    assert "Below 18 a guardian must have consented." in run("show", "guardian").output


def test_check(tmp_path: Path) -> None:
    good = run("check", "explicit-consent")
    assert (good.exit_code, good.output.count("\n")) == (0, 1)
    assert json.loads(run("check", "default", "--json").output)["valid"] is True
    path = tmp_path / "bad.toml"
    path.write_text(BAD, encoding="utf-8")
    bad = run("check", str(path))
    assert bad.exit_code == 1
    assert bad.output == "facegate: bad.toml, line 7: purposes.safety.geometry must be true or false.\n"
    assert json.loads(run("check", str(path), "--json").output)["valid"] is False


def test_what_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(BAD, encoding="utf-8")
    for arguments in (
        ["show", str(tmp_path / "bad.toml")],
        ["check", str(tmp_path / "none.toml")],
        ["diff", "default"],
    ):
        done = run(*arguments)
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.output


def test_diff() -> None:
    assert (run("diff", "default", "default").exit_code, run("diff", "default", "default").output) == (0, "")
    done = run("diff", "default", "explicit-consent")
    assert done.exit_code == 1
    assert 'consent.biometric: "implied" -> "explicit"' in done.output.splitlines()
    assert {"what": "ages.unknown", "old": "accept", "new": "refuse"} in json.loads(
        run("diff", "default", "explicit-consent", "--json").output
    )
