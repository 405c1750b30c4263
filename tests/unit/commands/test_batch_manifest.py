"""What counts as done, and that nobody else writes into the folder meanwhile."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest

from facegate.commands.batch.kinds import Kind
from facegate.commands.batch.manifest import NAME, Manifest, Record, is_done
from facegate.commands.batch.place import STAGING, Place
from facegate.commands.batch.plan import Job, plan
from facegate.commands.batch.settings import Settings
from facegate.commands.batch.walk import Item
from facegate.errors import OutputError
from facegate.receipt import Signer, open_receipt
from tests.unit.test_receipt import closed, opened


@pytest.fixture
def done(tmp_path: Path) -> tuple[Job, Record, Signer]:
    """A file that is done, as a batch leaves it."""
    source, out = tmp_path / "a.jpg", tmp_path / "out"
    source.write_bytes(b"input")
    out.mkdir()
    item = Item("a.jpg", source, Kind("image", "jpeg"), 5)
    (job,) = plan([item], Settings(), out, None)
    signer = Signer.generate()
    job.target.write_bytes(b"output")
    receipt = open_receipt(opened(request_id="batch-1"), signer).close(closed(), signer)
    job.receipt.write_text(receipt.to_json())
    record = Record(
        input="a.jpg",
        size=5,
        mtime_ns=source.stat().st_mtime_ns,
        output="a.jpg",
        sha256=hashlib.sha256(b"output").hexdigest(),
        settings=job.settings,
        request="batch-1",
    )
    return job, record, signer


def test_done_is_what_has_not_changed_in_anything(done: tuple[Job, Record, Signer]) -> None:
    job, record, signer = done
    assert is_done(record, job, None)
    assert is_done(record, job, signer.public_key_pem())
    assert not is_done(record, job, Signer.generate().public_key_pem()), "another key signed"
    assert not is_done(None, job, None)
    for change in (
        {"size": 6},
        {"mtime_ns": record.mtime_ns + 1},
        {"output": "b.jpg"},
        {"sha256": "0" * 64},
        {"settings": Settings(style="blur").digest(job.item.kind)},
        {"request": "batch-2"},
    ):
        assert not is_done(dataclasses.replace(record, **change), job, None), change


def test_done_needs_the_output_and_a_receipt_that_verifies(done: tuple[Job, Record, Signer]) -> None:
    job, record, signer = done
    whole = job.receipt.read_text()
    unfinished = open_receipt(opened(request_id="batch-1"), signer)
    for text in (
        unfinished.to_json(),
        unfinished.close(closed(outcome="cancelled"), signer).to_json(),
        whole.replace('"sig": "', '"sig": "A', 1),
        whole[:-20],
        "",
    ):
        job.receipt.write_text(text)
        assert not is_done(record, job, None), text[-60:]
    job.receipt.unlink()
    assert not is_done(record, job, None)
    job.receipt.write_text(whole)
    assert is_done(record, job, None)
    job.target.write_bytes(b"outpuT")
    assert not is_done(record, job, None)
    job.target.unlink()
    assert not is_done(record, job, None)


def test_a_changed_input_is_not_done(done: tuple[Job, Record, Signer]) -> None:
    job, record, _ = done
    time = job.item.path.stat().st_mtime_ns
    job.item.path.write_bytes(b"INPUT")
    os.utime(job.item.path, ns=(time, time + 1))
    assert not is_done(record, job, None)
    job.item.path.write_bytes(b"longer input")
    os.utime(job.item.path, ns=(time, time))
    assert not is_done(record, job, None)


def test_the_manifest_outlives_a_cut_anywhere(done: tuple[Job, Record, Signer], tmp_path: Path) -> None:
    _, record, _ = done
    path = tmp_path / NAME
    manifest = Manifest(path)
    second = dataclasses.replace(record, input="sub/ü\udcff.jpg")
    manifest.add(record)
    manifest.add(second)
    whole = path.read_bytes()
    first_line = whole.index(b"\n") + 1
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        expected = {"a.jpg": record} if cut >= first_line else {}
        expected |= {second.input: second} if cut == len(whole) else {}
        assert Manifest(path).records == expected, cut


def test_a_new_run_begins_behind_whole_lines(done: tuple[Job, Record, Signer], tmp_path: Path) -> None:
    _, record, _ = done
    path = tmp_path / "out" / NAME
    with Place(tmp_path / "out", None):
        old = Manifest(path)
        old.add(record)
        changed = dataclasses.replace(record, size=9)
        old.add(changed)
        for junk in (b'{"v":2}\n', b"[" * 100_000 + b"\n", b"\xff\n", b'{"v":1,"input":3}\n', b'{"v":1,"input":"a.j'):
            with path.open("ab") as file:
                file.write(junk)
        manifest = Manifest(path)
        assert manifest.records == {"a.jpg": changed}, "the last line of a file counts"
        manifest.begin()
        manifest.add(dataclasses.replace(record, input="b.jpg"))
        assert len(path.read_bytes().splitlines()) == 2
        assert set(Manifest(path).records) == {"a.jpg", "b.jpg"}
        manifest = Manifest(path)
        manifest.begin({"a.jpg"})
        assert set(Manifest(path).records) == {"b.jpg"}
        manifest.begin({"a.jpg", "b.jpg"})
        assert not path.exists()


def test_the_manifest_holds_nothing_but_names_and_numbers(done: tuple[Job, Record, Signer], tmp_path: Path) -> None:
    Manifest(tmp_path / NAME).add(done[1])
    line = json.loads((tmp_path / NAME).read_text())
    assert set(line) == {"v", "input", "size", "mtime_ns", "output", "sha256", "settings", "request"}


def test_a_full_disk_is_told_in_a_sentence(done: tuple[Job, Record, Signer], monkeypatch: pytest.MonkeyPatch) -> None:
    job, record, _ = done
    manifest = Manifest(job.target.parent / NAME)
    monkeypatch.setattr("os.write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match=r"facegate-batch\.jsonl could not be written: No space left"):
        manifest.add(record)
    monkeypatch.undo()
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:-9]))
    with pytest.raises(OutputError, match="could not be written"):
        manifest.add(record)
    monkeypatch.undo()
    manifest.add(dataclasses.replace(record, input="b.jpg"))
    assert set(Manifest(job.target.parent / NAME).records) == {"b.jpg"}, "what was cut off spoils no other line"


def test_one_batch_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    out, receipts = tmp_path / "out", tmp_path / "receipts"
    with Place(out, receipts):
        for others in ((out, None), (tmp_path / "third", receipts)):
            with pytest.raises(OutputError, match="Another batch is writing into"), Place(*others):
                pass
    with Place(out, tmp_path / "out" / ".." / "out"):
        pass  # one folder under two names is one


def test_what_a_killed_run_was_writing_is_swept_away(tmp_path: Path) -> None:
    staging = tmp_path / STAGING
    (staging / "deeper").mkdir(parents=True)
    (staging / "7").write_bytes(b"half")
    with Place(tmp_path, None) as place:
        assert list(staging.iterdir()) == []
        assert staging.stat().st_mode & 0o077 == 0
        with pytest.raises(ZeroDivisionError), place.stage() as staged:
            staged.write_bytes(b"half")
            raise ZeroDivisionError
        assert list(staging.iterdir()) == []
        with place.stage() as staged:
            staged.write_bytes(b"whole")
            place.publish(staged, tmp_path / "sub" / "a.jpg", tmp_path / "sub" / "a.jpg.receipt.json", "receipt")
    assert sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")) == [
        "sub",
        "sub/a.jpg",
        "sub/a.jpg.receipt.json",
    ]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    staging.symlink_to(elsewhere)
    with pytest.raises(OutputError, match="is a link"), Place(tmp_path, None):
        pass
    assert (elsewhere / "precious").exists()


def test_an_output_is_never_without_its_receipt(tmp_path: Path) -> None:
    with Place(tmp_path, None) as place, place.stage() as staged:
        staged.write_bytes(b"whole")
        (tmp_path / "a.jpg.receipt.json").mkdir()
        with pytest.raises(OutputError, match="could not be written"):
            place.publish(staged, tmp_path / "a.jpg", tmp_path / "a.jpg.receipt.json", "receipt")
        assert not (tmp_path / "a.jpg").exists()
        assert staged.exists()


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"), Place(tmp_path / "a" / "b", None):
        pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be made"), Place(tmp_path / "file", None):
        pass
