"""Deletion: the key, the blob, the row, a receipt; by asset, request and person."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from facegate import verify_act
from facegate.errors import HeldError, LostKeyError, NotKeptError, ReceiptError, StoreUnavailableError
from facegate.retention import RetentionStore, schema
from facegate.retention.blobs import Blobs
from facegate.rules import Consent
from tests.unit.retention.conftest import PNG, Opened


def tombstone_has_nothing(opened: Opened, asset: str) -> bool:
    """Whether nothing of the content or of the person is in the row."""
    row = opened.row(asset)
    content = (row.person, row.request, row.purpose, row.media_type, row.label, row.lease)
    return row.state == schema.DELETED and content == (None,) * 6


def test_an_asset(opened: Opened) -> None:
    kept, other = opened.put(label="mine"), opened.put()
    done = opened.store.delete(kept.asset, who="support", why="asked")
    assert (done.count, done.bytes, done.held, done.kept) == (1, len(PNG), 0, 0)
    assert tombstone_has_nothing(opened, kept.asset)
    assert opened.row(kept.asset).why == "asked"
    assert opened.blob_names() == {other.asset}
    assert [each.asset for each in opened.rows(schema.asset_keys)] == [other.asset]
    with pytest.raises(NotKeptError):
        opened.store.get(kept.asset, purpose="generation", who="worker")
    with pytest.raises(NotKeptError):
        opened.store.delete(kept.asset, who="support", why="asked")
    assert opened.store.get(other.asset, purpose="generation", who="worker").read() == PNG


def test_its_receipt_is_signed_and_on_the_ledger(opened: Opened) -> None:
    kept = opened.put()
    receipt = opened.store.delete(kept.asset, who="support", why="asked").receipt
    act = verify_act(receipt, trusted_key=opened.ledger.signer.public_key_pem())
    assert (act.act, act.who, act.why, act.asset, act.count) == ("deleted", "support", "asked", kept.asset, 1)
    assert act.store == opened.store.id
    assert opened.acts()[-1] == act


def test_a_request(opened: Opened) -> None:
    mine = [opened.put(person=f"person-{number}") for number in range(3)]
    other = opened.put(request="request-2")
    done = opened.store.delete_request("request-1", who="support", why="failed")
    assert (done.count, done.bytes) == (3, 3 * len(PNG))
    assert all(tombstone_has_nothing(opened, each.asset) for each in mine)
    assert opened.blob_names() == {other.asset}
    assert opened.store.delete_request("request-1", who="support", why="failed").count == 0


def test_a_person_of_whom_nothing_is_left_is_forgotten(opened: Opened) -> None:
    for kept_as, purpose in (("history", "generation"), ("legal", "terms"), ("draft", "generation")):
        opened.put(kept_as=kept_as, purpose=purpose)
    opened.execute(insert(schema.objections).values(person="person-1", purpose="improvement", since=1))
    other = opened.put(person="person-2")
    done = opened.store.delete_person("person-1", who="support", why="underage")
    assert (done.count, done.held, done.kept) == (3, 0, 0)
    assert [each.person for each in opened.rows(schema.people)] == ["person-2"]
    assert [each.person for each in opened.rows(schema.person_keys)] == ["person-2"]
    assert opened.rows(schema.objections) == []
    assert opened.blob_names() == {other.asset}
    assert opened.store.delete_person("nobody", who="support", why="underage").count == 0
    # Somebody who comes back is somebody new.
    again = opened.put()
    assert opened.store.get(again.asset, purpose="generation", who="worker").read() == PNG


def test_what_a_person_said_goes_with_the_last_that_a_hold_kept(opened: Opened) -> None:
    kept = opened.put()
    opened.execute(insert(schema.objections).values(person="person-1", purpose="improvement", since=1))
    hold = opened.store.hold("asset", kept.asset, who="legal", why="case-7")
    assert opened.store.delete_person("person-1", who="support", why="underage").held == 1
    assert [each.person for each in opened.rows(schema.objections)] == ["person-1"]
    opened.store.release(hold.hold, who="legal", why="case-closed")
    assert opened.store.sweep(who="cron").expired == 1
    assert opened.rows(schema.objections) == opened.rows(schema.people) == []
    assert [each.person for each in opened.rows(schema.demands)] == [None]


def test_more_than_a_batch(local: Opened) -> None:
    for _ in range(205):
        local.put()
    done = local.store.delete_person("person-1", who="support", why="asked")
    assert (done.count, done.bytes) == (205, 205 * len(PNG))
    assert local.blob_names() == set()
    assert local.acts()[-1].count == 205
    assert not local.rows(schema.people)


def test_what_is_held_is_counted_and_left(opened: Opened) -> None:
    free, held = opened.put(), opened.put()
    opened.store.hold("asset", held.asset, who="legal", why="case-7")
    with pytest.raises(HeldError):
        opened.store.delete(held.asset, who="support", why="asked")
    done = opened.store.delete_request("request-1", who="support", why="asked")
    assert (done.count, done.held) == (1, 1)
    assert opened.blob_names() == {held.asset}
    assert opened.store.get(held.asset, purpose="generation", who="legal").read() == PNG
    with pytest.raises(NotKeptError):
        opened.store.get(free.asset, purpose="generation", who="worker")


def test_the_key_goes_before_the_blob(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the blobs cannot be reached, what was to be deleted cannot be read all the same."""
    kept = opened.put()
    (key,) = opened.rows(schema.asset_keys)

    def fails(*_: Any) -> None:
        raise StoreUnavailableError("A blob could not be deleted: no network.")

    with monkeypatch.context() as broken:
        broken.setattr(Blobs, "delete", fails)
        with pytest.raises(StoreUnavailableError):
            opened.store.delete(kept.asset, who="support", why="asked")
    assert opened.blob_names() == {kept.asset}
    assert not opened.rows(schema.asset_keys)
    assert opened.row(kept.asset).state == schema.DELETING
    with pytest.raises(NotKeptError):
        opened.store.get(kept.asset, purpose="generation", who="worker")
    assert "deleted" not in {act.act for act in opened.acts()}
    # Not even with a backup's copy of the key, unless the person's key is there, too.
    assert len(key.wrapped) == 12 + 32 + 16
    opened.clock.pass_(opened.store._parts.lease)
    assert opened.store.sweep(who="cron").resumed == 1
    assert opened.blob_names() == set()
    assert tombstone_has_nothing(opened, kept.asset)


def test_nobody_reads_with_another_persons_key(local: Opened) -> None:
    mine, other = local.put(), local.put(person="person-2")
    wrapped = {each.asset: each.wrapped for each in local.rows(schema.asset_keys)}
    table = schema.asset_keys
    local.execute(table.update().where(table.c.asset == mine.asset).values(wrapped=wrapped[other.asset]))
    with pytest.raises(LostKeyError):
        local.store.get(mine.asset, purpose="generation", who="worker")


@pytest.mark.parametrize("words", [{"who": "", "why": "asked"}, {"who": "x", "why": "Asked by mail"}])
def test_wrong_words_delete_nothing(local: Opened, words: dict[str, str]) -> None:
    kept = local.put()
    for delete in (local.store.delete, local.store.delete_request, local.store.delete_person):
        with pytest.raises(ReceiptError):
            delete(kept.asset if delete == local.store.delete else "request-1", **words)
    assert local.store.get(kept.asset, purpose="generation", who="worker").read() == PNG


def test_sqlite_keeps_no_trace_of_a_key(local: Opened) -> None:
    kept = local.put(label="a label that is deleted, too")
    (key,) = local.rows(schema.asset_keys)
    files = [local.folder / f"store.sqlite{end}" for end in ("", "-wal", "-shm")]

    def found(needle: bytes) -> bool:
        return any(needle in file.read_bytes() for file in files if file.exists())

    assert found(key.wrapped)
    assert found(b"a label that is deleted")
    local.store.delete(kept.asset, who="support", why="asked")
    assert not found(key.wrapped)
    assert not found(b"a label that is deleted")
    assert not found(b"person-1")


PERSON = "person-who-is-forgotten"


def of_consent(store: RetentionStore) -> None:
    store.rights.object(PERSON, "generation", who="support")
    consent = Consent("generation", recorded_at=datetime.now(UTC))
    store.rights.consent_again(PERSON, "generation", consent=consent, who="support")


def of_restriction(store: RetentionStore) -> None:
    store.rights.restrict(PERSON, who="support")
    store.rights.unrestrict(PERSON, who="support")


def of_release(store: RetentionStore) -> None:
    hold = store.hold("person", PERSON, who="legal", why="dispute").hold
    store.release(hold, who="legal", why="over")


def with_a_setting(store: RetentionStore) -> None:
    store.rights.setting(PERSON, "history", timedelta(days=1), who="support")
    store.delete_person(PERSON, who="support", why="too-young")


@pytest.mark.parametrize(
    "what",
    [
        of_consent,
        of_restriction,
        of_release,
        with_a_setting,
        lambda store: store.rights.access(PERSON, who="support"),
        lambda store: store.rights.delete(PERSON, who="support"),
        lambda store: store.delete_person(PERSON, who="support", why="too-young"),
        lambda store: store.delete_request(PERSON, who="support", why="asked"),
    ],
    ids=["consent", "restriction", "release", "setting", "access", "wish", "person", "request"],
)
@pytest.mark.parametrize("kept", [True, False])
def test_whoever_is_forgotten_is_in_no_file_of_sqlite(
    local: Opened, what: Callable[[RetentionStore], object], kept: bool
) -> None:
    """Also where nothing was kept of the person, who was only spoken of."""
    local.clock.now = int(time.time() * 1000) - 60_000  # a consent cannot be of the future
    if kept:
        local.put(person=PERSON, request=PERSON, label=PERSON)
    what(local.store)
    if any(each.person == PERSON for each in local.rows(schema.assets)):
        local.store.delete_request(PERSON, who="support", why="asked")
    files = [local.folder / f"store.sqlite{end}" for end in ("", "-wal", "-shm")]
    assert not [file.name for file in files if file.exists() and PERSON.encode() in file.read_bytes()]


def test_what_is_corrected_is_in_no_file_of_sqlite(local: Opened) -> None:
    local.put(label="what it was called before")
    local.store.rights.correct("person-1", label="what it is called", who="support")
    files = [local.folder / f"store.sqlite{end}" for end in ("", "-wal", "-shm")]
    assert not [file.name for file in files if file.exists() and b"what it was called before" in file.read_bytes()]


def test_secure_delete_is_on(local: Opened) -> None:
    with local.store._parts.database.reading() as connection:
        for pragma, value in (("secure_delete", 1), ("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value
    assert (local.folder / "store.sqlite").stat().st_mode & 0o077 == 0
    assert (local.folder / "store.sqlite-wal").stat().st_mode & 0o077 == 0
    assert (local.folder / "blobs").stat().st_mode & 0o077 == 0
