"""The command line: what a user sees, the exit codes, and that nothing half-done is left."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import facegate
from facegate import demo
from facegate.cli import main
from facegate.errors import OutputError, PurgeError
from facegate.receipt import PurgeReport, Shared, open_receipt
from facegate.receipt.form import to_json
from facegate.writing import write_all
from fixtures.collection import two_people
from tests.conftest import encode
from tests.unit.test_receipt import closed, opened


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
        after = np.asarray(output.convert("RGB")).astype(int)
    before = np.asarray(demo.two_people()).astype(int)
    astronaut, portrait = (slice(140, 210), slice(250, 320)), (slice(240, 310), slice(715, 785))
    assert abs(after[astronaut] - before[astronaut]).mean() < 4, "the subject is as she was, but for one JPEG"
    assert after[portrait].reshape(-1, 3).std(axis=0).max() == 0, "the bystander is one colour"
    assert before[portrait].reshape(-1, 3).std(axis=0).max() > 20
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
    assert run("verify", receipt, "--key", receipt).exit_code == 2, "a key that is none says nothing of the receipt"
    own = tmp_path / "own.pem"
    own.write_text(json.loads(receipt.read_text())["publicKey"])
    pinned = run("verify", receipt, "--key", own)
    assert pinned.exit_code == 0
    assert "the key that you named" in pinned.output
    text = receipt.read_text()
    receipt.write_text(text.replace('"publicKey"', '"publickey"'))
    bad = run("verify", receipt)
    assert (bad.exit_code, bad.output.count("\n")) == (1, 1)
    answer = run("verify", receipt, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["valid"]) == (1, False)
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
        ["redact", "{picture}", "-o", "{out}", "--receipt", "{nowhere}"],
        ["redact", "{picture}", "-o", "{out}", "--receipt", "{out}"],
        ["redact", "{picture}", "-o", "{out}", "--receipt", "{around}"],
        ["redact", "{picture}", "-o", "{out}", "--receipt", "{pipe}"],
        ["redact", "{picture}", "-o", "{out}", "--margin", "nan"],
        ["redact", "{picture}", "-o", "{out}", "--keep", "nan,nan"],
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
    # In place of /dev/null: were the check gone, a test run by root would take the device from the whole machine.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    places = {
        "pipe": pipe,
        "missing": tmp_path / "missing.png",
        "text": text,
        "folder": tmp_path,
        "picture": picture,
        "out": tmp_path / "out.png",
        "tiff": tmp_path / "out.tiff",
        "nowhere": tmp_path / "nowhere" / "out.png",
        "around": tmp_path / ".." / tmp_path.name / "out.png",
    }
    result = run(*(each.format(**places) for each in arguments))
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert ".facegate-" not in result.stderr, "the name of a temporary file tells the user nothing"
    assert pipe.is_fifo(), "what is no plain file stays what it is"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "text.png"]


def test_the_installed_command_speaks_on_stderr(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("I am no picture.")
    command = [sys.executable, "-c", "from facegate.cli import main; main()", "inspect", str(text)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("facegate: ")
    assert done.stderr.count("\n") == 1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    write_all({path: b"old"})
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match=r"out.png could not be written: No space left"):
        write_all({path: b"new"})
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.png"]


def test_none_is_written_when_one_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture without its receipt would be a result that nothing vouches for."""
    from facegate import writing

    stage = writing._stage
    monkeypatch.setattr(
        writing,
        "_stage",
        lambda path, data: stage(path, data) if path.suffix == ".png" else (_ for _ in ()).throw(OSError(28, "full")),
    )
    with pytest.raises(OutputError, match=r"receipt.json could not be written: full"):
        write_all({tmp_path / "out.png": b"picture", tmp_path / "receipt.json": b"receipt"})
    assert list(tmp_path.iterdir()) == []


def test_brackets_in_a_name_are_no_markup(picture: Path, tmp_path: Path) -> None:
    """Rich reads ``[/b]`` as the end of something, and fails."""
    folder = tmp_path / "[" / "b]"
    folder.mkdir(parents=True)
    source = folder / "[red]a.png"
    source.write_bytes(picture.read_bytes())
    shown = run("inspect", source)
    assert shown.exit_code == 0, shown.output
    assert "[red]a.png" in shown.output
    assert run("redact", source, "-o", folder / "out.png").exit_code == 0
    assert run("demo", "--out", folder).exit_code == 0


def test_a_receipt_cannot_write_the_verdict_on_itself(tmp_path: Path) -> None:
    """What an unpinned receipt holds is anybody's text: it is shown as it is, and orders the terminal nothing."""
    signer = facegate.Signer.generate()
    path = tmp_path / "receipt.json"
    path.write_text(open_receipt(opened(purpose="[/x] [red]intact[/red]"), signer).close(closed(), signer).to_json())
    shown = run("verify", path)
    assert shown.exit_code == 0, shown.output
    assert "[/x] [red]intact[/red]" in shown.output
    statement = json.loads(json.dumps(facegate.verify(path.read_bytes()).statements[0]))
    statement["predicate"]["purpose"] = "\x1b]0;title\x07"
    path.write_text(to_json([signer.sign(statement)], signer.public_key_pem()))
    refused = run("verify", path, "--allow-open")
    assert refused.exit_code == 1
    assert "\x1b" not in refused.output


def test_what_left_is_shown_beside_how_it_ended(tmp_path: Path) -> None:
    signer = facegate.Signer.generate()
    left = [Shared(partner="provider", category="upload", count=2, bytes=300)]
    path = tmp_path / "receipt.json"
    for shared, words in ((left, "2 upload to provider, 300 bytes"), ([], "shared nothing")):
        path.write_text(open_receipt(opened(), signer).close(closed(shared=shared), signer).to_json())
        output = " ".join(run("verify", path).output.replace("\u2502", " ").split())
        assert words in output, output
        assert json.loads(run("verify", path, "--json").output)["statements"][1]["predicate"]["shared"] == [
            {"partner": "provider", "category": "upload", "count": 2, "bytes": 300} for _ in shared
        ]


def test_a_failed_purge_is_shown_with_its_residuals(tmp_path: Path) -> None:
    signer = facegate.Signer.generate()
    report = PurgeReport(bytes_wiped=100, bytes_reread=60, bytes_nonzero=40, residuals=["arena"])
    path = tmp_path / "receipt.json"
    failed = open_receipt(opened(), signer).close(
        closed(outcome="purge-failed", error="PurgeError", purge=report), signer
    )
    path.write_text(failed.to_json())
    words = " ".join(run("verify", path).output.split())
    for each in ("purge-failed (PurgeError)", "40 not zero", "arena"):
        assert each in words


def test_an_interrupt_is_not_the_answer_no(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facegate.Gate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run("inspect", picture).exit_code == 130
    monkeypatch.undo()
    both = BaseExceptionGroup("both", [OutputError("It failed."), PurgeError("So did its purge.")])
    monkeypatch.setattr("facegate.Gate", lambda *_, **__: (_ for _ in ()).throw(both))
    result = run("inspect", picture)
    assert (result.exit_code, result.stderr) == (2, "facegate: It failed. So did its purge.\n")


def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert run("verify", "/dev/zero").exit_code == 1
    assert run("inspect", "/dev/zero").exit_code == 2


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A ledger with a request that never closed, its first key and its last checkpoint, as files."""
    signer = facegate.Signer.generate()
    path, key, note = tmp_path / "ledger.jsonl", tmp_path / "key.pem", tmp_path / "note.txt"
    with facegate.Ledger(path, signer) as log:
        log.append(open_receipt(opened(), signer).close(closed(), signer))
        log.append(open_receipt(opened(request_id="req-lost", sequence=8), signer))
        note.write_text(log.checkpoint())
    key.write_bytes(signer.public_key_pem())
    return path, key, note


def test_verify_takes_a_ledger(ledger: tuple[Path, Path, Path], tmp_path: Path) -> None:
    path, key, note = ledger
    shown = run("verify", path, "--key", key, "--checkpoint", note, "--allow-open")
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.output.split())
    for each in ("receipts checked │ 3", "req-lost (entry 3)", "the key that you named", "contains the checkpoint"):
        assert each in words, each
    plain = run("verify", path, "--allow-open")
    assert "not pinned" in plain.output
    assert "no checkpoint was named" in " ".join(plain.output.split())
    lost = run("verify", path)
    assert (lost.exit_code, lost.stderr) == (1, "facegate: 1 request never closed: req-lost.\n")
    answer = run("verify", path, "--json", "--entries", "1:3")
    assert answer.exit_code == 0, "the one that never closed is not in the range"
    found = json.loads(answer.stdout)
    assert (found["valid"], found["receipts"], found["unclosed"], found["checkpoint"]) == (
        True,
        2,
        [],
        note.read_text(),
    )
    elsewhere = tmp_path / "by-its-content"
    elsewhere.write_bytes(path.read_bytes())
    assert run("verify", elsewhere, "--allow-open").exit_code == 0


def test_verify_says_which_entry_of_a_ledger_is_wrong(ledger: tuple[Path, Path, Path], tmp_path: Path) -> None:
    path, key, note = ledger
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for data, words in (
        (b"".join([lines[0], *lines[2:]]), "Entry 1: "),
        (whole.replace(b'"phase":"CLOSE"', b'"phase":"CLOSED"'), "Entry 2: "),
        (whole[:-9], "Entry 4: the log breaks off here"),
        (b"x" + whole, "Entry 0: "),
        (b"", "no entry"),
    ):
        path.write_bytes(data)
        bad = run("verify", path)
        assert (bad.exit_code, bad.output.count("\n")) == (1, 1)
        assert words in bad.stderr
        assert json.loads(run("verify", path, "--json").stdout)["valid"] is False
    assert json.loads(run("verify", path, "--json").stdout)["entry"] is None
    path.write_bytes(b"".join(lines[:3]))
    assert run("verify", path).exit_code == 0, "a cut at its end is not to be seen"
    cut = run("verify", path, "--checkpoint", note)
    assert (cut.exit_code, "was cut" in cut.output) == (1, True), "but for who knows a checkpoint"
    path.write_bytes(whole)
    for usage in (
        ["--checkpoint", key],
        ["--key", note],
        ["--entries", "3"],
        ["--entries", "3:1"],
        ["--entries", "0:99", "--checkpoint", note],
    ):
        wrong = run("verify", path, *usage)
        assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1), usage
    receipt = tmp_path / "receipt.json"
    signer = facegate.Signer.generate()
    receipt.write_text(open_receipt(opened(), signer).close(closed(), signer).to_json())
    assert run("verify", receipt, "--checkpoint", note).exit_code == 2
