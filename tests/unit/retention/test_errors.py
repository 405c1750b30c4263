"""What goes wrong outside: one clear sentence each, and nothing that was acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from facegate.errors import DamagedError, MasterKeyError, RetentionError, StoreUnavailableError
from facegate.retention import FileKeys, schema
from facegate.retention.database import Database
from tests.unit.retention.conftest import PNG, Opened

# SQLite has no server that could go away.
ON_A_SERVER = pytest.mark.parametrize("opened", [("postgresql", "s3")], ids="+".join, indirect=True)


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 300
    return text


def test_a_wrong_master_key(opened: Opened, tmp_path: Path) -> None:
    kept = opened.put()
    with pytest.raises(MasterKeyError) as caught:
        opened.again(keys=FileKeys.create(tmp_path / "other"))
    assert opened.keys.current in one_sentence(caught.value)
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG


@pytest.mark.parametrize("change", ["cut", "changed", "gone"])
def test_a_blob_that_somebody_changed(opened: Opened, change: str) -> None:
    kept = opened.put()
    blobs = opened.store._parts.blobs
    blob = opened.blob(kept)
    blobs.delete([kept.asset])
    if change != "gone":
        blobs.put(kept.asset, iter([blob[:-1] if change == "cut" else blob[:-1] + bytes([blob[-1] ^ 1])]))
    with pytest.raises(DamagedError) as caught:
        opened.store.get(kept.asset, purpose="generation", who="worker").read()
    one_sentence(caught.value)


@ON_A_SERVER
def test_a_database_that_goes_away(request: pytest.FixtureRequest, opened: Opened) -> None:
    server = request.getfixturevalue("postgres_server")
    kept = opened.put()
    server.stop(hard=True)
    try:
        for use in (
            lambda: opened.put(),
            lambda: opened.store.get(kept.asset, purpose="generation", who="worker"),
            lambda: opened.store.delete(kept.asset, who="support", why="asked"),
            lambda: opened.store.sweep(who="cron"),
            lambda: opened.again(),
        ):
            with pytest.raises(StoreUnavailableError) as caught:
                use()
            assert "database cannot be used" in one_sentence(caught.value)
    finally:
        server.start()
    # The same objects go on.
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG
    again = opened.put()
    assert opened.blob_names() == {kept.asset, again.asset}


@ON_A_SERVER
def test_a_database_that_goes_away_during_a_put(request: pytest.FixtureRequest, opened: Opened) -> None:
    server = request.getfixturevalue("postgres_server")

    def meanwhile() -> Iterator[bytes]:
        yield PNG
        server.stop(hard=True)

    try:
        with pytest.raises(StoreUnavailableError):
            opened.put(meanwhile())
    finally:
        server.start()
    assert list(opened.store.kept(person="person-1")) == []
    opened.clock.pass_(timedelta(hours=1))
    assert opened.store.sweep(who="cron").unfinished == 1
    assert opened.blob_names() == set()


def test_blobs_that_cannot_be_reached(request: pytest.FixtureRequest, opened: Opened) -> None:
    kept = opened.put()
    if isinstance(opened.blobs, Path):
        folder = opened.blobs / opened.store.id
        folder.rename(opened.folder / "away")
        folder.write_bytes(b"a file where the folder was")

        def back() -> None:
            folder.unlink()
            (opened.folder / "away").rename(folder)
    else:
        server = request.getfixturevalue("s3_server")
        server.stop(hard=True)
        back = server.start
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            opened.put()
        assert "A blob could not be written" in one_sentence(caught.value)
        with pytest.raises((StoreUnavailableError, DamagedError)) as read:
            opened.store.get(kept.asset, purpose="generation", who="worker").read()
        one_sentence(read.value)
        assert list(opened.store.kept(person="person-1")) == [kept]
    finally:
        back()
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG
    opened.clock.pass_(timedelta(hours=1))
    opened.store.sweep(who="cron")
    assert opened.blob_names() == {kept.asset}
    assert {each.state for each in opened.rows(schema.assets)} == {schema.KEPT, schema.DELETED}


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from facegate import Ledger, Signer, rules
from facegate.errors import StoreUnavailableError
from facegate.retention import FileKeys, RetentionStore
folder = sys.argv[1]
with Ledger(f"{folder}/ledger-2", Signer.generate()) as ledger:
    store = RetentionStore(rules.shipped(), database=f"sqlite:///{folder}/store.sqlite", blobs=f"{folder}/blobs",
                           keys=FileKeys(f"{folder}/master-keys"), ledger=ledger)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    said = dict(person="p", request="r", kept_as="history", kind="upload", purpose="generation",
                media_type="image/png", who="worker")
    png = b"\\x89PNG\\r\\n\\x1a\\n"
    try:
        while True:
            kept = store.put(png + bytes(int(sys.argv[3])), **said)
            print("kept", kept.asset, flush=True)
    except StoreUnavailableError as error:
        print("error", error, flush=True)
"""


@pytest.mark.parametrize(("limit", "size"), [(3 << 20, 4 << 20), (12 << 20, 20 << 20), (400_000, 100)])
def test_a_full_disk(local: Opened, limit: int, size: int) -> None:
    """A limit on files' sizes fails writes as a full disk does: of a blob, of one of several parts, of the database."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(local.folder), str(limit), str(size)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("error "), done.stderr
    assert lines[-1].endswith(".")
    kept = [line.split()[1] for line in lines[:-1]]
    assert bool(kept) == (size == 100)
    read = [local.store.get(each, purpose="generation", who="worker").read() for each in kept]
    assert all(len(each) == size + 8 for each in read)
    assert sorted(each.asset for each in local.store.kept(person="p")) == sorted(kept)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is a letter, not a database" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailableError, match="file is not a database"), database.reading() as connection:
        connection.exec_driver_sql("SELECT 1 FROM assets")
    with pytest.raises(StoreUnavailableError, match="No such file or directory"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'store.sqlite'}")


def test_no_error_of_a_driver_shows_what_people_are_called(opened: Opened) -> None:
    """A statement that fails is a defect, so a traceback shows it; not with the values that it was given."""
    person = f"pseudonym-{4000 + 711}"  # not in the traceback's source lines, which this looks at
    opened.put(person=person)
    with pytest.raises(RetentionError) as caught:
        opened.execute(insert(schema.settings).values(person=person, kept_as="x", milliseconds=None))
    shown = "".join(traceback.format_exception(caught.value))
    assert "4711" not in shown
    assert "refused a statement" in one_sentence(caught.value)
