"""The ZIP that exports are written as, read by others: Info-ZIP and Python's own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facegate.retention import zipping
from facegate.retention.destination import ToFile, ToStream
from facegate.retention.zipping import Zip

AT = datetime(2026, 11, 26, 10, 20, 30, tzinfo=UTC)
WAYS = ("file", "stream")
# Lengths that need ZIP64; else it is made to begin earlier.
FULL = os.environ.get("FACEGATE_RETENTION") == "full"


def unzips(path: Path) -> None:
    """Have Info-ZIP test all of it."""
    if shutil.which("unzip") is None:
        pytest.skip("needs Info-ZIP's unzip (Debian: unzip)")
    done = subprocess.run(["unzip", "-tqq", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def written(path: Path, way: str, entries: list[tuple[str, bytes]]) -> None:
    """A ZIP of these entries."""
    with path.open("wb", buffering=0) if way == "stream" else io.BytesIO() as file:
        out = ToStream(file) if way == "stream" else ToFile(path)
        made = Zip(out)
        for name, content in entries:
            pieces = [content[at : at + 700] for at in range(0, len(content), 700)]
            assert made.add(name, pieces, size=len(content), at=AT).bytes == len(content)
        made.end()
        out.complete()
        out.close()
    assert path.stat().st_size == made.bytes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("limit", [zipping.LIMIT, 1000], ids=["as it is", "ZIP64 from 1,000 bytes on"])
def test_others_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, limit: int) -> None:
    monkeypatch.setattr(zipping, "LIMIT", limit)
    entries = [
        ("uploads/a.png", bytes(range(256)) * 20),
        ("outputs/b.mp4", b"x"),
        ("logs/c.json", b""),
        ("d", b"d" * 999),
    ]
    path = tmp_path / "some.zip"
    written(path, way, entries)
    unzips(path)
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        assert [(each.filename, found.read(each)) for each in found.infolist()] == entries
        assert {each.date_time for each in found.infolist()} == {(2026, 11, 26, 10, 20, 30)}
        assert {each.external_attr >> 16 for each in found.infolist()} == {0o100600}
    large = path.read_bytes().count(b"PK\6\6")
    assert large == (limit == 1000)


@pytest.mark.parametrize("way", WAYS)
def test_more_entries_than_fit_without_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    number = 65_600 if FULL else 60
    if not FULL:
        monkeypatch.setattr(zipping, "MOST", 50)
    path = tmp_path / "many.zip"
    written(path, way, [(f"logs/{each}.json", b"{}") for each in range(number)])
    assert path.read_bytes().count(b"PK\6\6") == 1
    unzips(path)
    with zipfile.ZipFile(path) as found:
        assert len(found.infolist()) == number
        assert found.read(f"logs/{number - 1}.json") == b"{}"


@pytest.mark.parametrize("way", WAYS)
def test_an_entry_and_a_directory_beyond_4_gib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    pieces = 4097 if FULL else 3
    if not FULL:
        monkeypatch.setattr(zipping, "LIMIT", 2 << 20)
    path, piece = tmp_path / "large.zip", bytes(1 << 20)
    with path.open("wb") if way == "stream" else io.BytesIO() as file:
        out = ToStream(file) if way == "stream" else ToFile(path)
        made = Zip(out)
        made.add("uploads/large.mp4", (piece for _ in range(pieces)), size=pieces << 20, at=AT)
        made.add("logs/after.json", [b"{}"], size=2, at=AT)
        made.end()
        out.complete()
        out.close()
    unzips(path)
    with zipfile.ZipFile(path) as found:
        assert [each.file_size for each in found.infolist()] == [pieces << 20, 2]
        assert found.read("logs/after.json") == b"{}"
    path.unlink()


@pytest.mark.parametrize("way", WAYS)
def test_what_fails_halfway_is_no_entry(tmp_path: Path, way: str) -> None:
    path = tmp_path / "some.zip"

    def failing() -> Iterator[bytes]:
        yield b"begun"
        raise LookupError

    with path.open("wb") if way == "stream" else io.BytesIO() as file:
        out = ToStream(file) if way == "stream" else ToFile(path)
        made = Zip(out)
        made.add("before", [b"1"], size=1, at=AT)
        with pytest.raises(LookupError):
            made.add("broken", failing(), size=100, at=AT)
        made.add("after", [b"2"], size=1, at=AT)
        made.end()
        out.complete()
        out.close()
    unzips(path)
    with zipfile.ZipFile(path) as found:
        assert {each.filename: found.read(each) for each in found.infolist()} == {"before": b"1", "after": b"2"}


def test_without_its_end_it_is_none(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    with path.open("wb") as file:
        Zip(ToStream(file)).add("a", [b"1"], size=1, at=AT)
    assert not zipfile.is_zipfile(path)


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)])
def test_times_that_a_zip_cannot_say(tmp_path: Path, at: datetime) -> None:
    out = ToFile(tmp_path / "some.zip")
    made = Zip(out)
    made.add("a", [], size=0, at=at)
    made.end()
    out.complete()
    out.close()
    with zipfile.ZipFile(tmp_path / "some.zip") as found:
        assert found.getinfo("a").date_time == (1980, 1, 1, 0, 0, 0)


def test_an_entry_is_not_longer_than_it_was_said_to_be(tmp_path: Path) -> None:
    out = ToFile(tmp_path / "some.zip")
    with pytest.raises(ValueError, match="longer"):
        Zip(out).add("a", [b"12"], size=1, at=AT)
    out.close()
