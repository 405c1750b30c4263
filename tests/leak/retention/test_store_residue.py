"""What is left of a deleted upload: its content was never anywhere, and its keys, label and person leave every file.

But for PostgreSQL's: its write-ahead log has the row and the wrapped keys until it is recycled, and its pages what was
deleted last until something else is put there or `RetentionStore.check` repairs. Both are asserted as they are found,
so that whoever changes it changes docs/retention.md, too.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from facegate.audit.residue import Markers
from tests.fault.retention.kinds import PostgresqlAndFolder, PostgresqlAndS3, SqliteAndFolder
from tests.fault.retention.place import Place
from tests.leak.retention.looking import look
from tests.servers import postgres, s3
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server

ROOT = Path(__file__).parents[3]
FULL = os.environ.get("FACEGATE_RETENTION") == "full"
TIMES = (3 << 20) // 64
# Rows of others before and after the marked one, and how it ends: it is the last of its page, or all around are others.
LIVES = [(3, 0, "delete"), (300, 300, "sweep")]
if FULL:
    LIVES += [(before, after, end) for before, after in ((0, 0), (3, 3), (1000, 0)) for end in ("delete", "sweep")]


class Life:
    """A running `life.py`, whose folders for temporary files and whose own are looked at, too."""

    def __init__(self, place: Place, scratch: Path, before: int, after: int, end: str) -> None:
        self.marks = {
            "content": secrets.token_hex(64),
            "person": secrets.token_urlsafe(80),
            "label": secrets.token_urlsafe(180),
        }
        for name in ("temporary", "own", "uploads"):
            (scratch / name).mkdir()
        self.folders = [Path(place.folder), scratch / "temporary", scratch / "own", scratch / "uploads"]
        order = {"place": asdict(place), "marks": self.marks, "times": TIMES, "upload": str(scratch / "uploads/a.png")}
        order |= {"before": before, "after": after, "end": end}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.leak.retention.life", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=scratch / "own",
            env=os.environ | {"TMPDIR": str(scratch / "temporary"), "PYTHONPATH": str(ROOT)},
            text=True,
        )
        try:
            keys = self._answer()
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        content = bytes.fromhex(self.marks["content"])
        self.markers = Markers.of(
            windows=8,
            # Three times, so that a window may lie across the seam.
            content=content * 3,
            person=self.marks["person"].encode(),
            label=self.marks["label"].encode(),
            asset_key=bytes.fromhex(keys["asset_key"]),
            person_key=bytes.fromhex(keys["person_key"]),
        )

    def go_on(self) -> None:
        """Have it do its next step."""
        self._say()
        self._answer()

    def __enter__(self) -> Life:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self.markers.close()

    def finish(self) -> None:
        """Have it end as a process ends."""
        self._say()
        assert self._process.wait(60) == 0

    def _say(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if missing := postgres.missing():
        pytest.skip(f"needs {missing}")
    with PostgresServer() as running:
        yield running


@pytest.mark.parametrize(("before", "after", "end"), LIVES)
def test_nothing_of_a_deleted_upload_is_in_any_file_of_sqlite_or_of_a_folder(
    tmp_path: Path, before: int, after: int, end: str
) -> None:
    place = SqliteAndFolder(tmp_path).fresh()
    place.furnish()
    with Life(place, tmp_path, before, after, end) as life:
        there = look(life.markers, *life.folders)
        # The scanner finds all but the content, which is encrypted.
        assert there.keys() == {"person", "label", "asset_key", "person_key"}
        assert {Path(where).name for files in there.values() for where in files} <= {"store.sqlite", "store.sqlite-wal"}
        life.go_on()
        assert {path.name for path in place.path.iterdir()} >= {"store.sqlite", "store.sqlite-wal", "store.sqlite-shm"}
        assert look(life.markers, *life.folders) == {}
        life.go_on()
        life.finish()
        assert look(life.markers, *life.folders) == {}


@pytest.mark.parametrize(("before", "after", "end"), LIVES)
def test_what_postgresql_keeps_of_a_deleted_upload_is_known_and_a_repair_leaves_its_log_alone(
    tmp_path: Path, server: PostgresServer, before: int, after: int, end: str
) -> None:
    pages, log = server.data / "base", server.data / "pg_wal"
    others = [each for each in server.data.iterdir() if each.is_dir() and each not in {pages, log}]
    with closing(PostgresqlAndFolder(tmp_path, server)) as kind:
        place = kind.fresh()
        place.furnish()
        with Life(place, tmp_path, before, after, end) as life:
            server.checkpoint()
            assert look(life.markers, pages).keys() == {"person", "label", "asset_key", "person_key"}
            life.go_on()
            server.checkpoint()
            # Nothing beside the database, and of the content nothing at all.
            assert look(life.markers, *life.folders, *others, server.folder / "log") == {}
            kept = look(life.markers, pages)
            assert "content" not in kept
            if not after and before:
                # A finding, not a wish: the last rows of their pages are free room now, and still to be read there.
                assert {"asset_key", "person_key"} <= kept.keys()
            life.go_on()
            server.checkpoint()
            assert look(life.markers, pages, *life.folders, *others) == {}
            # Likewise: until these segments are recycled.
            assert look(life.markers, log).keys() == {"person", "label", "asset_key", "person_key"}
            life.finish()


@pytest.mark.parametrize("end", ["delete", "sweep"] if FULL else ["delete"])
def test_nothing_of_a_deleted_upload_is_on_the_disks_of_an_s3_service(
    tmp_path: Path, server: PostgresServer, end: str
) -> None:
    if missing := s3.missing():
        pytest.skip(f"needs {missing}")
    with S3Server() as disks, closing(PostgresqlAndS3(tmp_path, server, disks)) as kind:
        place = kind.fresh()
        place.furnish()
        with Life(place, tmp_path, 0, 0, end) as life:
            size = sum(path.stat().st_size for path in (disks.data / "disk/objects").rglob("*.data"))
            assert size > TIMES * 64, "the blob is not where it was looked for"
            assert look(life.markers, disks.data, *life.folders) == {}
            life.go_on()
            assert not [path for path in (disks.data / "disk/objects").rglob("*.data") if path.stat().st_size]
            assert look(life.markers, disks.data, *life.folders) == {}
            life.go_on()
            life.finish()


def test_the_scanner_finds_what_is_planted(tmp_path: Path) -> None:
    marker = secrets.token_bytes(64)
    with Markers.of(windows=8, content=marker * 3) as markers:
        (tmp_path / "clean").write_bytes(secrets.token_bytes(1 << 20))
        assert look(markers, tmp_path) == {}
        (tmp_path / "plain").write_bytes(secrets.token_bytes(12_345) + marker * 3)
        (tmp_path / "base64").write_bytes(b"x" + base64.b64encode(marker * 3))
        (tmp_path / "hex").write_text((marker * 3).hex())
        found = look(markers, tmp_path)["content"]
        assert {Path(where).name for where in found} == {"plain", "base64", "hex"}
