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


SHARING = """
[sharing.generation-provider]
says = "It makes the picture that was asked for."
categories = ["upload", "request-data"]
purposes = ["generation"]
regions = ["US"]
safeguard = "standard contractual clauses"
"""


def test_show_and_diff_say_who_gets_what(tmp_path: Path) -> None:
    assert "Shared with nobody." in run("show").output
    path = tmp_path / "ours.toml"
    shipped = Path(rules.__file__).parent / "shipped" / "default.toml"
    path.write_text(shipped.read_text(encoding="utf-8") + SHARING, encoding="utf-8")
    line = (
        "Shared with generation-provider, in US; standard contractual clauses: upload, request-data, for generation; "
        "bystanders redacted, metadata stripped. It makes the picture that was asked for."
    )
    assert line in run("show", str(path)).output.splitlines()
    said = json.loads(run("show", str(path), "--json").output)["sharing"]["generation-provider"]
    assert (said["bystanders"], said["safeguard"]) == ("redacted", "standard contractual clauses")
    changes = run("diff", "default", str(path)).output.splitlines()
    assert 'sharing.generation-provider.categories: (not there) -> ["request-data", "upload"]' in changes
    assert len(changes) == 7


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
