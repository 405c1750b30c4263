"""The command line: what a user sees, the exit codes, and that nothing half-done is left."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import facegate
from facegate.cli import main
from fixtures.collection import two_people
from tests.conftest import encode


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "two.png"
    path.write_bytes(encode(two_people().rgb, "PNG"))
    return path


def covered(path: Path) -> list[bool]:
    """Whether each known face of the picture is one colour."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    return [
        bool(rgb[y0 + 8 : y1 - 8, x0 + 8 : x1 - 8].reshape(-1, 3).std(axis=0).max() < 2)
        for x0, y0, x1, y1 in two_people().boxes.astype(int)
    ]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [(None, [False, True]), ("largest", [False, True]), ("none", [True, True]), ("1", [True, False])],
)
def test_redact_keeps_whom_it_is_told_to(picture: Path, tmp_path: Path, keep: str | None, expected: list[bool]) -> None:
    target, receipt = tmp_path / "out.png", tmp_path / "receipt.json"
    options = [] if keep is None else ["--keep", keep]
    result = run("redact", picture, "-o", target, "--receipt", receipt, *options)
    assert result.exit_code == 0, result.output
    assert covered(target) == expected
    assert facegate.verify(receipt.read_bytes()).outcome == "finished"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "receipt.json"]


def test_redact_by_point_and_json(picture: Path, tmp_path: Path) -> None:
    x0, y0, x1, y1 = two_people().boxes[1]
    target = tmp_path / "out.jpg"
    result = run("redact", picture, "-o", target, "--keep", f"{(x0 + x1) / 2},{(y0 + y1) / 2}", "--json")
    assert json.loads(result.output) == {"faces": 2, "kept": 1, "redacted": 1, "output": str(target)}
    assert covered(target) == [True, False]


def test_inspect(picture: Path) -> None:
    result = run("inspect", picture, "--json")
    found = json.loads(result.output)
    height, width = two_people().rgb.shape[:2]
    assert (found["format"], found["width"], found["height"]) == ("PNG", width, height)
    assert len(found["faces"]) == 2
    assert all(set(face) == {"xyxy", "confidence"} for face in found["faces"])
    assert "landmark" not in result.output
    assert "confidence" in run("inspect", picture).output


def test_demo_tells_the_whole_story(tmp_path: Path) -> None:
    result = run("demo", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for word in ("admit", "analyze", "redact", "finish", "verify", "2 faces found", "1 bystander covered"):
        assert word in " ".join(result.output.split()), word
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "facegate-demo-sheet.png",
        "facegate-demo.png",
        "receipt.json",
    ]
    assert run("verify", tmp_path / "receipt.json").exit_code == 0
    with (
        Image.open(tmp_path / "facegate-demo.png") as output,
        Image.open(tmp_path / "facegate-demo-sheet.png") as sheet,
    ):
        assert sheet.width > 2 * output.width
    stages = json.loads(run("demo", "--out", tmp_path, "--json").output)["stages"]
    assert [stage["name"] for stage in stages][-2:] == ["finish", "verify"]


def test_verify_says_no_with_1(picture: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    run("redact", picture, "-o", tmp_path / "out.png", "--receipt", receipt)
    good = run("verify", receipt)
    assert good.exit_code == 0
    assert "not pinned" in " ".join(good.output.split())
    assert json.loads(run("verify", receipt, "--json").output)["pinned"] is False
    key = tmp_path / "other.pem"
    key.write_bytes(facegate.Signer.generate().public_key_pem())
    assert run("verify", receipt, "--key", key).exit_code == 1
    text = receipt.read_text()
    receipt.write_text(text.replace('"publicKey"', '"publickey"'))
    bad = run("verify", receipt)
    assert (bad.exit_code, bad.output.count("\n")) == (1, 1)
    receipt.write_text("")
    assert run("verify", receipt).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["redact", "{missing}", "-o", "{out}"],
        ["redact", "{text}", "-o", "{out}"],
        ["redact", "{folder}", "-o", "{out}"],
        ["redact", "{picture}", "-o", "{tiff}"],
        ["redact", "{picture}", "-o", "{nowhere}"],
        ["redact", "{picture}"],
        ["redact", "{picture}", "-o", "{out}", "--keep", "7"],
        ["redact", "{picture}", "-o", "{out}", "--keep", "1,1"],
        ["redact", "{picture}", "-o", "{out}", "--keep", "x"],
        ["redact", "{picture}", "-o", "{out}", "--style", "smear"],
        ["redact", "{picture}", "-o", "{out}", "--margin", "-1"],
        ["inspect", "{text}"],
        ["inspect", "{missing}"],
        ["verify", "{missing}"],
        ["demo", "--out", "{missing}"],
        ["dance"],
    ],
)
def test_bad_input_is_2_with_one_sentence_and_nothing_left(picture: Path, tmp_path: Path, arguments: list[str]) -> None:
    text = tmp_path / "text.png"
    text.write_text("I am no picture.")
    places = {
        "missing": tmp_path / "missing.png",
        "text": text,
        "folder": tmp_path,
        "picture": picture,
        "out": tmp_path / "out.png",
        "tiff": tmp_path / "out.tiff",
        "nowhere": tmp_path / "nowhere" / "out.png",
    }
    result = run(*(each.format(**places) for each in arguments))
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.output.strip()
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["text.png"]


def test_the_installed_command_speaks_on_stderr(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("I am no picture.")
    command = [sys.executable, "-c", "from facegate.cli import main; main()", "inspect", str(text)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("facegate: ")
    assert done.stderr.count("\n") == 1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facegate import cli

    path = tmp_path / "out.png"
    cli.write(path, b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        cli.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.png"]
