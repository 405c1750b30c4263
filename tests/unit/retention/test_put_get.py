"""Put and get: what may be kept, until when, and who may read it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, update

from facegate import Consent, rules
from facegate.errors import ConsentError, NotForKeepingError, NotKeptError, RestrictedError, RetentionError
from facegate.memory.sealed import Sealed
from facegate.retention import schema
from tests.unit.retention.conftest import DAY, PNG, Opened

MIB = 1 << 20


def test_what_was_put_is_read_again(opened: Opened) -> None:
    kept = opened.put(label="my dog")
    assert (kept.kept_as, kept.kind, kept.bytes, kept.label) == ("history", "upload", len(PNG), "my dog")
    assert kept.due - kept.created == opened.store.rules.retention["history"].duration
    read = opened.store.get(kept.asset, purpose="generation", who="worker")
    assert read.kept == kept
    assert read.read() == PNG
    assert opened.again().get(kept.asset, purpose="safety", who="moderator").read() == PNG


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB, 17 * MIB + 5])
def test_every_size(opened: Opened, size: int) -> None:
    content = PNG[:16] + os.urandom(size)
    kept = opened.put(io.BytesIO(content))
    assert kept.bytes == len(content)
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == content


def test_bytes_paths_files_and_pieces(local: Opened, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    # Pieces that end within the first bytes, by which the type is seen.
    pieces = [PNG[:3], b"", PNG[3:9], PNG[9:]]
    with path.open("rb") as file:
        for content in (PNG, path, file, pieces, iter(pieces)):
            kept = local.put(content)
            assert local.store.get(kept.asset, purpose="generation", who="worker").read() == PNG


def test_a_log_is_plain_values(opened: Opened) -> None:
    log = {"status": "done", "milliseconds": 1204, "retried": False, "reason": None}
    kept = opened.put(log, kind="log", kept_as="operation", purpose="safety", media_type=None)
    assert kept.media_type == "application/json"
    read = opened.store.get(kept.asset, purpose="safety", who="operator").read()
    assert read == b'{"milliseconds":1204,"reason":null,"retried":false,"status":"done"}'


class Face(Sealed):
    """Stands for every handle to something facial: all of them are `Sealed`."""

    __slots__ = ()


LANDMARKS = np.zeros((478, 3), np.float32)
NPY = io.BytesIO()
np.save(NPY, LANDMARKS)


@pytest.mark.parametrize(
    "content",
    [
        LANDMARKS,
        memoryview(LANDMARKS).cast("B"),
        bytearray(PNG),
        memoryview(PNG),
        Face(),
        {"picture": PNG},
        "a path as text",
        None,
        7,
        [LANDMARKS],
        [bytearray(PNG)],
        iter([memoryview(PNG)]),
        LANDMARKS.tobytes(),
        NPY.getvalue(),
        b"PK\x03\x04 a saved tensor is a ZIP",
        b"",
        b"\x89PNG",
        PNG[1:],
    ],
    ids=lambda each: type(each).__name__,
)
def test_nothing_but_encoded_media_enters(local: Opened, content: Any) -> None:
    with pytest.raises(NotForKeepingError) as caught:
        local.put(content)
    assert "\n" not in caught.value.reason
    assert not local.blob_names()
    assert {each.state for each in local.rows(schema.assets)} <= {schema.DELETED}
    assert not local.rows(schema.asset_keys)


@pytest.mark.parametrize(
    "log",
    [
        {},
        {"landmarks": [0.1, 0.2]},
        {"x": 0.25},
        {"nested": {"x": 1}},
        {"text": "x" * 501},
        {"text": "\x1b[31m"},
        {1: "x"},
        {"x": 1 << 63},
        {f"field-{number}": number for number in range(65)},
        [("status", "done")],
        b'{"status": "done"}',
    ],
    ids=str,
)
def test_no_log_of_anything_else(local: Opened, log: Any) -> None:
    with pytest.raises(NotForKeepingError):
        local.put(log, kind="log", kept_as="operation", purpose="safety", media_type=None)
    assert not local.rows(schema.assets)


def test_the_store_itself_takes_nothing_else(opened: Opened) -> None:
    """The database refuses what gets past the types."""
    kept = opened.put()
    for change in (
        {"media_type": "application/octet-stream"},
        {"kind": "face"},
        {"media_type": "application/json"},
    ):
        with pytest.raises(RetentionError, match=r"refused a statement: (IntegrityError|CheckViolation)"):
            opened.execute(update(schema.assets).where(schema.assets.c.id == kept.asset).values(**change))


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"kept_as": "forever"}, NotForKeepingError, "its classes are: draft, history, improvement, legal"),
        ({"kind": "log"}, NotForKeepingError, "The policy keeps as history: upload, output."),
        ({"purpose": "improvement"}, RestrictedError, "The policy keeps history for: generation, safety, terms."),
        ({"purpose": "selling"}, RestrictedError, "The policy keeps history for"),
        ({"media_type": None}, NotForKeepingError, "needs its media_type"),
        ({"media_type": "application/x-npy"}, NotForKeepingError, "must be one of image/avif"),
        ({"media_type": "image/jpeg"}, NotForKeepingError, "does not begin as image/jpeg does"),
        ({"person": ""}, RetentionError, "person must be a text of one line"),
        ({"person": "x" * 129}, RetentionError, "person must be a text of one line, 128 characters at most"),
        ({"request": "a\nb"}, RetentionError, "request must be a text of one line"),
        ({"label": "\u202egnp.exe"}, RetentionError, "label must be a text of one line"),
        ({"who": None}, RetentionError, "who must be a text of one line"),
    ],
)
def test_what_may_not_be_kept_so(local: Opened, changes: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        local.put(**changes)
    assert not local.blob_names()


def test_explicit_consent_to_a_purpose(local: Opened) -> None:
    store = local.again(rules=rules.load("explicit-consent"))
    said = {"person": "p", "request": "r", "kept_as": "improvement", "kind": "output", "purpose": "improvement"}
    said |= {"media_type": "image/png", "who": "worker"}
    for consent in (None, Consent("generation")):
        with pytest.raises(ConsentError, match="wants consent to: improvement"):
            store.put(PNG, consent=consent, **said)
    assert store.put(PNG, consent=Consent("improvement"), **said).kept_as == "improvement"


def test_the_shorter_of_policy_and_person_wins(local: Opened) -> None:
    local.put()
    table = schema.settings
    for wanted, days in ((7, 7), (365, 180)):
        local.execute(table.delete())
        local.execute(insert(table).values(person="person-1", kept_as="history", milliseconds=wanted * DAY))
        kept = local.put()
        assert kept.due - kept.created == timedelta(days=days)
    # Not where the policy does not let the person decide.
    local.execute(insert(table).values(person="person-1", kept_as="safety", milliseconds=DAY))
    kept = local.put(kept_as="safety", purpose="safety")
    assert kept.due - kept.created == local.store.rules.retention["safety"].duration


@pytest.mark.parametrize(
    ("kept_as", "purpose", "refused"), [("history", "generation", "improvement"), ("draft", "generation", "safety")]
)
def test_reads_are_for_a_purpose_of_the_class(local: Opened, kept_as: str, purpose: str, refused: str) -> None:
    kept = local.put(kept_as=kept_as, purpose=purpose)
    with pytest.raises(RestrictedError, match="The policy keeps it for: generation"):
        local.store.get(kept.asset, purpose=refused, who="trainer")
    assert [act.act for act in local.acts()] == ["put"]


def test_what_a_person_restricted_or_objected_to_is_not_read(opened: Opened) -> None:
    kept = opened.put()
    opened.execute(insert(schema.objections).values(person="person-1", purpose="safety", since=opened.clock()))
    with pytest.raises(RestrictedError, match="does not want to be used for: safety"):
        opened.store.get(kept.asset, purpose="safety", who="moderator")
    with pytest.raises(RestrictedError, match="does not want to be used for: safety"):
        opened.put(purpose="safety")
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG
    opened.execute(update(schema.people).values(restricted=opened.clock()))
    with pytest.raises(RestrictedError, match="restricted the use"):
        opened.store.get(kept.asset, purpose="generation", who="worker")


def test_what_is_due_is_not_read_even_before_a_sweep(opened: Opened) -> None:
    kept = opened.put(kept_as="draft")
    opened.clock.pass_(timedelta(hours=24) - timedelta(milliseconds=1))
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG
    opened.clock.pass_(timedelta(milliseconds=1))
    with pytest.raises(NotKeptError):
        opened.store.get(kept.asset, purpose="generation", who="worker")
    with pytest.raises(NotKeptError):
        opened.store.get("0" * 32, purpose="generation", who="worker")


def test_what_is_kept_of_a_person_or_a_request(opened: Opened) -> None:
    mine = [opened.put(request=f"request-{number % 2}") for number in range(5)]
    other = opened.put(person="person-2", request="request-0")
    assert list(opened.store.kept(person="person-1")) == mine
    assert list(opened.store.kept(request="request-0")) == [mine[0], mine[2], mine[4], other]
    assert list(opened.store.kept(person="nobody")) == []
    for said in ({}, {"person": "a", "request": "b"}):
        with pytest.raises(RetentionError, match="name one of them"):
            opened.store.kept(**said)


def test_a_callers_file_that_fails_leaves_nothing(opened: Opened) -> None:
    def broken() -> Iterator[bytes]:
        yield PNG + bytes(12 * MIB)
        raise ValueError("the sender went away")

    with pytest.raises(ValueError, match="went away"):
        opened.put(broken())
    (row,) = opened.rows(schema.assets)
    assert (row.state, row.why) == (schema.DELETED, "unfinished")
    assert not opened.blob_names()
    assert not opened.rows(schema.asset_keys)


def test_content_is_nowhere_in_the_clear(opened: Opened) -> None:
    marker = os.urandom(32)
    kept = opened.put(PNG + marker * 4096, label="label")
    (path, *more) = [each for each in (opened.folder / "blobs").rglob("*") if each.is_file()] or [None]
    if path is None:  # in the S3 server
        blob = opened.blob(kept)
    else:
        assert not more
        blob = path.read_bytes()
    assert marker not in blob
    assert len(blob) > len(marker) * 4096


def test_acts_are_written_down_without_persons(local: Opened) -> None:
    kept = local.put(person="pseudonym-4711", label="label-4711")
    local.store.get(kept.asset, purpose="safety", who="moderator-7").read()
    put, read = local.acts()
    assert (put.act, put.who, put.why, put.bytes, put.asset) == ("put", "worker", "generation", len(PNG), kept.asset)
    assert (read.act, read.who, read.why, read.request) == ("read", "moderator-7", "safety", "request-1")
    assert b"4711" not in (local.folder / "ledger").read_bytes()
    assert "4711" not in repr(kept)


def test_what_cannot_be_written_down_is_not_done(opened: Opened) -> None:
    kept = opened.put()
    opened.ledger.close()
    with pytest.raises(Exception, match="ledger is closed"):
        opened.store.get(kept.asset, purpose="generation", who="worker")
    with pytest.raises(Exception, match="ledger is closed"):
        opened.put()
    states = sorted(each.state for each in opened.rows(schema.assets))
    assert states == [schema.DELETED, schema.KEPT]
    assert opened.blob_names() == {kept.asset}
