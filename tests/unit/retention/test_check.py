"""The check: blobs that nothing refers to, rows whose blob or key is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from facegate.errors import DamagedError, LostKeyError
from facegate.retention import schema
from facegate.retention.blobs import Blobs
from tests.unit.retention.conftest import PNG, Opened

ORPHAN = "0" * 30 + "ab"


def test_all_is_well(opened: Opened) -> None:
    opened.put()
    found = opened.store.check(who="operator")
    assert found.as_dict() == {"assets": 1, "orphans": 0, "lost": 0, "repaired": False}


def test_an_orphaned_blob(opened: Opened) -> None:
    kept = opened.put()
    opened.store._parts.blobs.put(ORPHAN, iter([b"x"]))
    deleted = opened.put()
    opened.store.delete(deleted.asset, who="support", why="asked")
    opened.store._parts.blobs.put(deleted.asset, iter([b"a put that slept too long"]))
    assert opened.store.check(who="operator").orphans == 2
    assert opened.blob_names() == {kept.asset, ORPHAN, deleted.asset}
    assert opened.store.check(who="operator", repair=True).orphans == 2
    assert opened.blob_names() == {kept.asset}
    assert opened.store.check(who="operator").orphans == 0
    assert opened.acts()[-1].act == "repaired"


def test_another_stores_blobs_are_no_orphans(opened: Opened) -> None:
    """A repair with the wrong database must not delete what another store keeps in the same place."""
    other = Blobs(opened.blobs, "f" * 32)
    other.put(ORPHAN, iter([b"x"]))
    assert opened.store.check(who="operator", repair=True).orphans == 0
    assert other.has(ORPHAN)


@pytest.mark.parametrize("what", ["blob", "key", "person's key"])
def test_what_cannot_be_read_any_more(opened: Opened, what: str) -> None:
    kept, other = opened.put(), opened.put(person="person-2")
    if what == "blob":
        opened.store._parts.blobs.delete([kept.asset])
    elif what == "key":
        table = schema.asset_keys
        opened.execute(table.delete().where(table.c.asset == kept.asset))
    else:
        table = schema.person_keys
        opened.execute(table.delete().where(table.c.person == "person-1"))
    with pytest.raises((LostKeyError, DamagedError), match="is gone"):
        opened.store.get(kept.asset, purpose="generation", who="worker").read()
    assert opened.store.check(who="operator").lost == 1
    assert opened.row(kept.asset).state == schema.KEPT
    assert opened.store.check(who="operator", repair=True).lost == 1
    assert (opened.row(kept.asset).state, opened.row(kept.asset).why) == (schema.DELETED, "lost")
    assert opened.store.check(who="operator").as_dict() == {"assets": 1, "orphans": 0, "lost": 0, "repaired": False}
    assert opened.blob_names() == {other.asset}
    assert opened.store.get(other.asset, purpose="generation", who="worker").read() == PNG


def test_what_is_being_put_is_no_orphan(opened: Opened) -> None:
    def meanwhile() -> Iterator[bytes]:
        yield PNG
        for _ in range(3):
            yield bytes(9 << 20)  # so much that its first part is written before the end is known
        if isinstance(opened.blobs, Path):  # S3 does not list what is not complete
            while not opened.blob_names():
                time.sleep(0.01)
        assert opened.again().check(who="operator", repair=True).orphans == 0

    kept = opened.put(meanwhile())
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG + bytes(27 << 20)


def test_leftovers_of_a_killed_put_in_a_folder(local: Opened) -> None:
    kept = local.put()
    folder = local.folder / "blobs" / local.store.id / ORPHAN[-2:]
    folder.mkdir()
    (folder / f"{ORPHAN}#1").write_bytes(b"half of it")
    assert local.store.check(who="operator", repair=True).orphans == 1
    assert list(folder.iterdir()) == []
    assert local.blob_names() == {kept.asset}
