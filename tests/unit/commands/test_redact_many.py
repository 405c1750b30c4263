"""``facegate redact`` over folders and several files, with real gates: results, counts, exit codes, what is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

import facegate
from facegate.cli import main
from facegate.commands.batch.manifest import NAME
from facegate.commands.batch.place import STAGING
from facegate.commands.batch.plan import Job
from facegate.commands.batch.work import work
from facegate.errors import PurgeError
from fixtures.collection import two_people
from tests.conftest import encode


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def picture() -> bytes:
    return encode(two_people().rgb, "PNG")


@pytest.fixture
def folder(tmp_path: Path, picture: bytes) -> Path:
    """Three pictures in two folders, one of them with a wrong name, and a text."""
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "a.png").write_bytes(picture)
    (root / "sub" / "b.png").write_bytes(encode(two_people().rgb, "JPEG"))
    (root / "sub" / "c.tif").write_bytes(encode(np.full((64, 64, 3), 128, np.uint8), "TIFF"))
    (root / "notes.txt").write_text("words")
    return root


def files(folder: Path) -> list[str]:
    """All there is, hidden or not, but folders and receipts."""
    found = (each for each in folder.rglob("*") if not each.is_dir() and not each.name.endswith(".receipt.json"))
    return sorted(str(each.relative_to(folder)) for each in found)


def covered(path: Path) -> list[bool]:
    """Whether each known face of the picture is one colour."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    return [
        bool(rgb[y0 + 8 : y1 - 8, x0 + 8 : x1 - 8].reshape(-1, 3).std(axis=0).max() < 2)
        for x0, y0, x1, y1 in two_people().boxes.astype(int)
    ]


def private_key() -> bytes:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Ed25519PrivateKey.generate().private_bytes(pem, form, serialization.NoEncryption())


def states(result: Result) -> dict[str, str]:
    return {each["input"]: each["state"] for each in json.loads(result.stdout)["files"]}


def test_a_folder_becomes_a_folder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = {path: (folder / path).read_bytes() for path in files(folder)}
    result = run("redact", folder, "-o", out)
    assert result.exit_code == 0, result.output
    assert files(out) == sorted(["a.png", NAME, "sub/b.jpg", "sub/c.png"])
    assert covered(out / "a.png") == covered(out / "sub" / "b.jpg") == [True, True], "by default everybody"
    for name in ("a.png", "sub/b.jpg", "sub/c.png"):
        verified = facegate.verify((out / f"{name}.receipt.json").read_bytes())
        assert verified.outcome == "finished"
    assert result.stdout.splitlines() == [
        f"3 pictures and 0 videos redacted; results are in {out}",
        "skipped 1: 1 no picture or video that facegate reads",
    ]
    told = result.stderr.splitlines()
    assert told[0] == "skipped: notes.txt: no picture or video that facegate reads"
    assert sorted(each.partition("] ")[2] for each in told[1:]) == [
        "a.png: 2 faces, 0 kept",
        "sub/b.png: 2 faces, 0 kept",
        "sub/c.tif: 0 faces, 0 kept",
    ]
    assert {path: (folder / path).read_bytes() for path in files(folder)} == before


def test_options_reach_every_file(folder: Path, tmp_path: Path) -> None:
    out, receipts = tmp_path / "out", tmp_path / "receipts"
    options = ["--keep", "largest", "--format", "webp", "--quality", "90", "--receipts", receipts, "--jobs", "2"]
    result = run("redact", folder, "-o", out, *options, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [told[name] for name in ("done", "resumed", "failed", "unfinished", "skipped", "interrupted")] == [
        3,
        0,
        0,
        0,
        1,
        False,
    ]
    assert told["skippedFiles"] == [{"input": "notes.txt", "reason": "no picture or video that facegate reads"}]
    first = told["files"][0]
    assert {name: first[name] for name in ("input", "state", "output", "receipt", "faces", "kept")} == {
        "input": "a.png",
        "state": "done",
        "output": str(out / "a.webp"),
        "receipt": str(receipts / "a.webp.receipt.json"),
        "faces": 2,
        "kept": 1,
    }
    assert facegate.verify(Path(first["receipt"]).read_bytes()).request_id == first["request"]
    assert files(out) == ["a.webp", NAME, "sub/b.webp", "sub/c.webp"]
    assert list(out.rglob("*.json")) == []
    assert covered(out / "a.webp") == [False, True]
    with Image.open(out / "a.webp") as image:
        assert image.format == "WEBP"


def test_failures_are_one_line_each_and_stop_nobody(folder: Path, tmp_path: Path, picture: bytes) -> None:
    (folder / "a.png").write_bytes(picture[:5000])
    (folder / "named-only.jpg").write_text("I am no picture.")
    (folder / "empty.webp").touch()
    (tmp_path / "out" / "sub" / "c.png").mkdir(parents=True)
    result = run("redact", folder, "-o", tmp_path / "out", "--quiet", "--json")
    assert result.exit_code == 1
    assert sorted(result.stderr.splitlines()) == [
        "facegate: a.png: The upload ends before its picture does.",
        "facegate: empty.webp: The upload is empty.",
        "facegate: named-only.jpg: The upload is no JPEG, PNG, WebP, GIF, TIFF or BMP picture.",
        "facegate: sub/c.tif: The result could not be written: Is a directory. "
        "What lies at its output is of an earlier run.",
    ]
    assert states(result)["sub/b.png"] == "done"
    assert files(tmp_path / "out") == [NAME, "sub/b.jpg"]
    again = run("redact", folder, "-o", tmp_path / "out", "--resume", "--json")
    assert (again.exit_code, states(again)["sub/b.png"], states(again)["a.png"]) == (1, "resumed", "failed")


def test_resume_does_what_is_not_done(folder: Path, tmp_path: Path, picture: bytes) -> None:
    out = tmp_path / "out"
    assert run("redact", folder, "-o", out, "--quiet").exit_code == 0
    made = {path: (out / path).stat().st_mtime_ns for path in files(out)}
    again = run("redact", folder, "-o", out, "--resume", "--json")
    assert set(states(again).values()) == {"resumed"}
    assert {path: (out / path).stat().st_mtime_ns for path in files(out) if path != NAME} == {
        path: time for path, time in made.items() if path != NAME
    }
    # A changed input, a lost receipt, a damaged output: each is a reason of its own.
    (folder / "a.png").write_bytes(encode(two_people().rgb[:, ::-1].copy(), "PNG"))
    (out / "sub" / "b.jpg.receipt.json").unlink()
    (out / "sub" / "c.png").write_bytes(b"damaged")
    (folder / "d.png").write_bytes(picture)
    again = run("redact", folder, "-o", out, "--resume", "--json")
    assert states(again) == {"a.png": "done", "d.png": "done", "sub/b.png": "done", "sub/c.tif": "done"}
    # Other settings, of which some do not touch a file's output.
    again = run("redact", folder, "-o", out, "--resume", "--json", "--quality", "70", "--style", "solid", "--jobs", "1")
    assert set(states(again).values()) == {"done"}
    lines = (out / NAME).read_text().splitlines()
    assert sorted(json.loads(line)["input"] for line in lines if line)[:1] == ["a.png"]
    assert len({json.loads(line)["request"] for line in lines}) == len(lines)
    again = run("redact", folder, "-o", out, "--json", "--quality", "70")
    assert set(states(again).values()) == {"done"}, "without --resume all is done anew"
    assert len((out / NAME).read_text().splitlines()) == 4, "a line for each file"


def test_results_may_lie_inside_the_input(folder: Path) -> None:
    out = folder / "redacted"
    for _ in range(2):
        result = run("redact", folder, "-o", out, "--json", "--resume")
        assert result.exit_code == 0, result.output
        assert sorted(states(result)) == ["a.png", "sub/b.png", "sub/c.tif"]
    assert set(states(result).values()) == {"resumed"}
    assert files(out) == ["a.png", NAME, "sub/b.jpg", "sub/c.png"]


def test_several_files_and_one_into_a_folder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("redact", folder / "a.png", folder / "sub", "-o", out, "--json")
    assert sorted(states(result)) == ["a.png", "sub/b.png", "sub/c.tif"]
    assert covered(out / "a.png") == [True, True]
    single = run("redact", folder / "a.png", "-o", out, "--resume", "--json")
    assert states(single) == {"a.png": "resumed"}, "what others made of other files is still in the manifest"
    rest = run("redact", folder / "a.png", folder / "sub", "-o", out, "--resume", "--json")
    assert set(states(rest).values()) == {"resumed"}


def test_an_empty_folder_is_done(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = run("redact", tmp_path / "in", "-o", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (
        0,
        f"0 pictures and 0 videos redacted; results are in {tmp_path / 'out'}\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["{in}", "-o", "{in}"],
        ["{in}", "-o", "{in}/sub/.."],
        ["{in}", "-o", "{in}/a.png"],
        ["{in}", "-o", "{tmp}/out.png"],
        ["{in}", "-o", "{tmp}/no/out"],
        ["{in}", "-o", "{tmp}/out", "--receipts", "{in}"],
        ["{in}", "-o", "{tmp}/out", "--receipts", "{in}/a.png"],
        ["{in}", "-o", "{tmp}/out", "--receipt", "{tmp}/r.json"],
        ["{in}", "-o", "{tmp}/out", "--keep", "1"],
        ["{in}", "-o", "{tmp}/out", "--keep", "3,4"],
        ["{in}", "-o", "{tmp}/out", "--margin", "3"],
        ["{in}", "-o", "{tmp}/out", "--margin", "nan"],
        ["{in}", "-o", "{tmp}/out", "--format", "png", "--format", "jpeg"],
        ["{in}", "-o", "{tmp}/out", "--format", "tiff"],
        ["{in}", "-o", "{tmp}/out", "--jobs", "0"],
        ["{in}", "-o", "{tmp}/out", "--ledger", "{tmp}/ledger.jsonl"],
        ["{in}", "-o", "{tmp}/out", "--key", "{in}/a.png"],
        ["{in}/a.png", "{tmp}/missing.png", "-o", "{tmp}/out"],
        ["{in}/a.png", "{in}/sub/../a.png", "-o", "{tmp}/out"],
        ["{in}/a.png", "-o", "{in}"],
        ["{in}/a.png", "{in}/sub/b.png", "-o", "{in}"],
        ["{in}/a.png", "-o", "{tmp}/out.png", "--resume"],
        ["{in}/a.png", "-o", "{tmp}/out.png", "--jobs", "2"],
        ["{in}/a.png", "-o", "{tmp}/out.png", "--receipts", "{tmp}"],
        ["-o", "{tmp}/out"],
    ],
)
def test_bad_usage_is_2_with_one_sentence_and_nothing_done(folder: Path, tmp_path: Path, arguments: list[str]) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = run("redact", *(each.replace("{in}", str(folder)).replace("{tmp}", str(tmp_path)) for each in arguments))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_receipts_are_signed_with_a_key_and_logged(folder: Path, tmp_path: Path) -> None:
    """In a process of its own, which must not have loaded what decodes pictures."""
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    key.write_bytes(private_key())
    public.write_bytes(facegate.Signer.from_pem(key.read_bytes()).public_key_pem())
    out, log = tmp_path / "out", tmp_path / "ledger.jsonl"
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code = (
        "import sys; from facegate.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print([each for each in ('cv2', 'av', 'PIL', 'ai_edge_litert', 'facegate.vision') "
        "if each in sys.modules])\n"
    )
    arguments = ["redact", str(folder), "-o", str(out), "--ledger", str(log), "--key", str(key)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    verified = facegate.verify_ledger(log, trusted_key=public.read_bytes())
    assert (verified.checked, verified.unclosed) == (8, ()), "four requests, of which one failed, opened and closed"
    (folder / "bad.png").unlink()
    assert run("verify", log, "--key", public).exit_code == 0
    assert run("verify", out / "a.png.receipt.json", "--key", public).exit_code == 0
    same = run("redact", folder, "-o", out, "--ledger", log, "--key", key, "--resume", "--json")
    assert set(states(same).values()) == {"resumed"}
    other = tmp_path / "other.pem"
    other.write_bytes(private_key())
    anew = run("redact", folder, "-o", out, "--key", other, "--resume", "--json")
    assert set(states(anew).values()) == {"done"}, "a receipt that somebody else signed is not relied on"
    refused = run("redact", folder, "-o", out, "--ledger", log, "--key", other)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)


def test_where_little_may_be_locked_fewer_run_at_a_time(folder: Path, tmp_path: Path) -> None:
    """64 KiB, the limit of many containers, hold one request's geometry."""
    restricted = [sys.executable, "-m", "tests.restricted", "--memlock", "65536", "--"]
    code = [sys.executable, "-c", "from facegate.cli import main; main()"]
    arguments = ["redact", str(folder), "-o", str(tmp_path / "out"), "--jobs", "3", "--json"]
    done = subprocess.run([*restricted, *code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == 3


def test_errors_of_all_kinds_are_sentences(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {
        "a.png": BaseExceptionGroup("both", [PurgeError("So did its purge."), RuntimeError("secret")]),
        "sub/b.png": OSError(5, "Input/output error"),
        "sub/c.tif": ZeroDivisionError("secret"),
    }

    def failing(_: object, job: Job, *__: object) -> object:
        raise errors[job.item.name]

    monkeypatch.setattr("facegate.commands.batch.run.work", failing)
    result = run("redact", folder, "-o", tmp_path / "out", "--quiet")
    assert result.exit_code == 1
    assert "secret" not in result.stderr
    told = dict(line.removeprefix("facegate: ").split(": ", 1) for line in sorted(result.stderr.splitlines()))
    assert told["a.png"].startswith("So did its purge. facegate has a defect: RuntimeError")
    assert told["sub/b.png"] == "The file cannot be read: Input/output error."
    assert told["sub/c.tif"].startswith("facegate has a defect: ZeroDivisionError at test_redact_many.py:")
    assert result.stdout == ""


def test_a_file_that_changes_while_it_is_read_fails(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(gate: facegate.Gate, job: Job, *rest: object) -> object:
        inner = gate.open_request

        def opening(*arguments: object, **named: object) -> object:
            if job.item.name == "a.png":
                os.utime(folder / "a.png", ns=(1, 1))
            return inner(*arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(gate, "open_request", opening)
        return work(gate, job, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("facegate.commands.batch.run.work", changing)
    result = run("redact", folder, "-o", tmp_path / "out", "--json", "--jobs", "1")
    assert states(result) == {"a.png": "failed", "sub/b.png": "done", "sub/c.tif": "done"}
    assert "changed while it was read" in result.stderr
    assert files(tmp_path / "out") == [NAME, "sub/b.jpg", "sub/c.png"]
    assert not (tmp_path / "out" / STAGING).exists()
