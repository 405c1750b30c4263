"""What a verifier makes of the acts on a ledger: forged ones are refused, and long logs are read in little memory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facegate.errors import InvalidLedgerError, InvalidReceiptError, ReceiptError
from facegate.receipt import Signer, sign_act
from facegate.receipt.ledger import Ledger, acts, verify_ledger
from facegate.receipt.ledger.entry import compose
from tests.acts import act
from tests.acts import acts as several
from tests.ledgers import MemorySink, receipts
from tests.unit.receipt.test_ledger import entries


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate()


def read(log: bytes, **known: Any) -> list[int]:
    return [number for number, _ in acts(log, **known)]


READERS: list[Callable[[bytes], Any]] = [verify_ledger, read, lambda log: verify_ledger(log, processes=2)]


def _log(signer: Signer, number: int = 3) -> bytes:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        for each in several(number):
            ledger.record(each)
    return bytes(sink.data)


@pytest.mark.parametrize("reader", READERS, ids=["verify_ledger", "acts", "processes"])
def test_an_act_that_is_a_lie_is_refused_by_number(signer: Signer, reader: Callable[[bytes], Any]) -> None:
    """In an entry that the log's own key signed, right after the two that are sound."""
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    ledger.record(act())
    first, other = receipts(signer)[0], Signer.generate()
    chain = ledger._chain
    sound = sign_act(act(), signer)
    said = json.loads(base64.b64decode(sound["payload"]))
    zero = {"keyid": signer.key_id, "sig": base64.b64encode(bytes(64)).decode()}
    posing = sign_act(act(), other)
    posing["signatures"][0]["keyid"] = signer.key_id
    for envelope, words in (
        (sound, None),
        (sign_act(act(), other), "another key"),
        (posing, "does not fit"),
        (sound | {"signatures": [zero]}, "does not fit"),
        (first.envelopes[0], "predicateType"),
        (signer.sign(said | {"predicate": said["predicate"] | {"act": "erased"}}), "predicate.act"),
        (signer.sign(said | {"predicate": said["predicate"] | {"person": "p"}}), "fields"),
        (signer.sign(said | {"predicateType": "urn:facegate:act:v2"}), "predicateType"),
        (signer.sign(said | {"subject": []}), "subject"),
    ):
        log = bytes(sink.data) + compose("act", {"envelope": envelope}, chain.size, chain.head, signer) + b"\n"
        if words is None:
            reader(log)
            continue
        with pytest.raises(InvalidLedgerError, match=words) as caught:
            reader(log)
        assert caught.value.entry == 2
        assert str(caught.value).startswith("Entry 2: ")


def test_an_act_does_not_pass_for_a_phase_of_a_receipt(signer: Signer) -> None:
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    chain = ledger._chain
    envelope = sign_act(act(), signer)
    body = {
        "envelope": envelope,
        "key": base64.b64encode(signer.public_key.public_bytes_raw()).decode(),
        "opened": hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest(),
        "phase": "OPEN",
    }
    line = compose("receipt", body, chain.size, chain.head, signer)
    with pytest.raises(InvalidLedgerError, match=r"Entry 1: .*predicateType"):
        verify_ledger(bytes(sink.data) + line + b"\n")


@pytest.mark.parametrize(
    "body",
    [
        {"envelope": {}, "key": "x"},
        {"key": "k"},
        {},
        {"envelope": None},
        {"acts": []},
    ],
)
def test_an_entry_has_one_form(signer: Signer, body: dict[str, Any]) -> None:
    sink = MemorySink()
    chain = Ledger(sink, signer)._chain
    sound = {"envelope": sign_act(act(), signer)}
    verify_ledger(bytes(sink.data) + compose("act", sound, chain.size, chain.head, signer) + b"\n")
    more = sound | body if "key" in body else body
    with pytest.raises(InvalidLedgerError, match="Entry 1: "):
        verify_ledger(bytes(sink.data) + compose("act", more, chain.size, chain.head, signer) + b"\n")


def test_after_a_rotation_the_old_key_signs_no_act(signer: Signer) -> None:
    """Not even one that the new key puts into the log."""
    sink, second = MemorySink(), Signer.generate()
    ledger = Ledger(sink, signer)
    ledger.rotate(second)
    chain = ledger._chain
    for owner, fits in ((second, True), (signer, False)):
        body = {"envelope": sign_act(act(), owner)}
        log = bytes(sink.data) + compose("act", body, chain.size, chain.head, second) + b"\n"
        for reader in READERS:
            if fits:
                reader(log)
            else:
                with pytest.raises(InvalidLedgerError, match=f"Entry {chain.size}: .*another key"):
                    reader(log)


def test_the_last_act_is_signed_by_the_log(signer: Signer) -> None:
    """Its envelope is sound, and handed out: what it lacks is the entry's own signature."""
    log = _log(signer, 1)
    sink = MemorySink(log[: log.rindex(b'{"body":{"note"')])
    chain = Ledger(sink, signer)._chain
    line = compose("act", {"envelope": sign_act(act(), signer)}, chain.size, chain.head, Signer.generate())
    for reader in READERS:
        with pytest.raises(InvalidLedgerError, match=f"Entry {chain.size}: its signature"):
            reader(bytes(sink.data) + line + b"\n")
    with pytest.raises(InvalidLedgerError, match=f"Entry {chain.size}: its signature"):
        Ledger(MemorySink(bytes(sink.data) + line + b"\n"), signer)


def test_no_act_comes_out_before_what_stands_before_it_is_known(signer: Signer) -> None:
    """Entries removed, and the chain computed anew by somebody without the key: noticed at once, not at the end."""
    log = _log(signer, 6)
    sound = log.splitlines(keepends=True)
    lines, previous = sound[:3], hashlib.sha256(sound[2][:-1]).hexdigest()
    for each in entries(log)[4:7]:  # without number 3
        lines.append(compose("act", each["body"], len(lines), previous, Signer.generate()) + b"\n")
        previous = hashlib.sha256(lines[-1][:-1]).hexdigest()
    seen = []
    with pytest.raises(InvalidLedgerError, match="Entry 3: its signature"):
        for number, _ in acts(b"".join(lines)):
            seen.append(number)
    assert seen == [1, 2]


def test_what_is_wrong_further_on_is_raised_when_it_is_reached(signer: Signer) -> None:
    log = _log(signer, 5)
    lines = log.splitlines(keepends=True)
    seen = []
    with pytest.raises(InvalidLedgerError, match="Entry 4: "):
        for number, each in acts(b"".join(lines[:4]) + lines[5]):
            seen.append((number, each.count))
    assert seen == [(1, 0), (2, 1), (3, 2)]
    with pytest.raises(InvalidLedgerError, match="breaks off"):
        read(log[:-3])
    assert read(b"".join(lines[:4])) == [1, 2, 3], "a cut at the end is not to be seen"
    with pytest.raises(InvalidLedgerError, match="no entry"):
        read(b"")


def test_acts_are_held_against_what_is_known(signer: Signer) -> None:
    sink, notes = MemorySink(), []
    with Ledger(sink, signer, on_checkpoint=notes.append) as ledger:
        ledger.record(several(3))
    log = bytes(sink.data)
    assert read(log, trusted_key=signer.public_key_pem(), checkpoint=notes[0]) == [1, 2, 3]
    with pytest.raises(InvalidLedgerError, match="was cut"):
        read(b"".join(log.splitlines(keepends=True)[:3]), checkpoint=notes[0])
    with pytest.raises(InvalidLedgerError, match="rewritten"):
        read(_log(signer, 3), checkpoint=notes[0])
    with pytest.raises(InvalidLedgerError, match="another key"):
        read(log, trusted_key=Signer.generate().public_key_pem())
    for wrong in ({"checkpoint": "nonsense"}, {"trusted_key": b"nonsense"}):
        with pytest.raises(ReceiptError) as caught:
            acts(log, **wrong)  # at once, not when it is asked for the first
        assert not isinstance(caught.value, InvalidReceiptError)


def test_a_range_has_its_own_acts(signer: Signer) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        for word in ("put", "read", "deleted"):
            ledger.record([act(act=word)] * 2)
    log = bytes(sink.data)
    assert verify_ledger(log, entries=range(2, 5)).acts == {"put": 1, "read": 2}
    assert verify_ledger(log).acts == {"put": 2, "read": 2, "deleted": 2}


def test_several_processes_find_what_one_finds(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facegate.receipt.ledger.checks._BATCH", 4)
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        for number in range(5):
            ledger.record(several(3))
            ledger.append(receipts(signer)[number % 2])
            ledger.rotate(ledger.signer)
    log = bytes(sink.data)
    assert verify_ledger(log, processes=2) == verify_ledger(log)
    assert verify_ledger(log).acts == {"deleted": 15}


def test_a_long_log_is_read_in_the_memory_of_a_short_one(
    signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegate.receipt.ledger.sink._CHUNK", 1 << 16)
    peaks = []
    for number in (1, 8):
        path = tmp_path / f"{number}.jsonl"
        with Ledger(path, signer) as ledger:
            for _ in range(number):
                ledger.record(several(256))
        assert path.stat().st_size > number * 256_000, "more than is read at once"
        tracemalloc.start()
        assert sum(1 for _ in acts(path)) == number * 256
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000


def test_who_stops_early_leaves_no_file_open(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, signer) as ledger:
        ledger.record(several(5))
    before = len(os.listdir("/proc/self/fd"))
    with contextlib.closing(acts(path)) as found:
        assert next(found)[1].count == 0
        assert len(os.listdir("/proc/self/fd")) == before + 1
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(FileNotFoundError):
        next(acts(tmp_path / "none.jsonl"))
