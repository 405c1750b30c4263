"""The smallest change to a log is noticed, at every byte of it; and a cut at any byte is recovered from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from facegate.errors import InvalidLedgerError, InvalidReceiptError
from facegate.receipt import Signer
from facegate.receipt.ledger import Ledger, verify_ledger
from facegate.receipt.ledger import acts as read_acts
from facegate.receipt.ledger import entry as entries_of
from facegate.receipt.ledger.entry import parse
from tests.acts import act, acts
from tests.ledgers import MemorySink, receipts, sample

FIRST, SECOND = Signer.generate(), Signer.generate()
LOG, NOTE = sample(FIRST, SECOND)
LINES = LOG.splitlines(keepends=True)
NEXT = receipts(FIRST)[0]


class Asked:
    """A public key that remembers what it found genuine: the same ten entries come back in each of 40,000 logs."""

    genuine: ClassVar[set[tuple[bytes, bytes, bytes]]] = set()

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key, self._raw = key, key.public_bytes_raw()

    @classmethod
    def from_public_bytes(cls, raw: bytes) -> Asked:
        return cls(Ed25519PublicKey.from_public_bytes(raw))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)

    def verify(self, signature: bytes, data: bytes) -> None:
        if (self._raw, signature, data) not in self.genuine:
            self._key.verify(signature, data)
            self.genuine.add((self._raw, signature, data))


@pytest.fixture(autouse=True, scope="module")
def _every_signature_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries_of, "Ed25519PublicKey", Asked)
        yield


def refused(log: bytes, checkpoint: str | None = None) -> bool:
    try:
        verify_ledger(log, checkpoint=checkpoint)
    except InvalidLedgerError:
        return True
    return False


def test_the_sample_verifies_and_has_an_entry_of_every_kind() -> None:
    found = verify_ledger(LOG, trusted_key=FIRST.public_key_pem(), checkpoint=NOTE)
    assert len(found.unclosed) == 1
    assert len(found.torn) == 1
    assert found.checkpoint == NOTE
    assert (found.unchecked, found.pinned, found.known) == (0, True, True)
    assert found.key_id == SECOND.key_id
    kinds = {entry.kind for line in LINES if (entry := parse(line[:-1])) is not None}
    assert kinds == {"begun", "receipt", "act", "checkpoint", "rotation", "recovered"}
    assert found.acts == {"deleted": 1}


def _without_checkpoints() -> bytes:
    sink = MemorySink()
    ledger = Ledger(sink, FIRST)
    for each in receipts(FIRST):
        ledger.append(each)
    ledger.record(act())
    return bytes(sink.data)


@pytest.mark.parametrize(
    ("log", "bit"),
    [(LOG, 0x01), (LOG, 0x80), (_without_checkpoints(), 0x01)],
    ids=["checked-1", "checked-128", "unchecked-1"],
)
def test_every_changed_byte_is_noticed(log: bytes, bit: int) -> None:
    """Without a known checkpoint and without a pinned key, which could only help."""
    passed = []
    for position in range(len(log)):
        changed = bytearray(log)
        changed[position] ^= bit
        if not refused(bytes(changed)):
            passed.append(position)
    assert passed == []


@pytest.mark.parametrize("step", [1, 7], ids=["every", "of-all-kinds"])
def test_whoever_reads_the_acts_alone_notices_a_changed_byte(step: int) -> None:
    """In receipts, too, which `read_acts` does not open: their digests are in the chain."""
    log = _of_acts() if step == 1 else LOG
    passed = []
    for position in range(0, len(log), step):
        changed = bytearray(log)
        changed[position] ^= 0x01
        try:
            list(read_acts(bytes(changed)))
        except InvalidLedgerError:
            continue
        passed.append(position)
    assert passed == []


def test_every_byte_left_out_is_noticed() -> None:
    assert [at for at in range(len(LOG)) if not refused(LOG[:at] + LOG[at + 1 :])] == []


def test_every_truncation_is_noticed_by_who_knows_the_checkpoint() -> None:
    assert [at for at in range(len(LOG)) if not refused(LOG[:at], NOTE)] == []


def test_without_a_checkpoint_only_a_cut_between_entries_goes_unnoticed() -> None:
    """What the documents say cannot be seen; were it seen after all, they would be wrong."""
    ends = set(itertools.accumulate(map(len, LINES)))
    near = {at + by for at in ends for by in (-2, -1, 0, 1, 2)} | set(range(0, len(LOG), 13))
    unnoticed = {at for at in near if at <= len(LOG) and not refused(LOG[:at])}
    # After the torn piece there is no whole entry, and so no end that could pass for one.
    assert unnoticed < ends
    assert len(unnoticed) == len(LINES) - 1


def test_every_line_removed_doubled_moved_or_swapped_is_noticed() -> None:
    passed = []
    for at, line in enumerate(LINES):
        if at < len(LINES) - 1 and not refused(b"".join(LINES[:at] + LINES[at + 1 :])):
            passed.append(("removed", at))
        for to in range(len(LINES) + 1):
            if not refused(b"".join([*LINES[:to], line, *LINES[to:]])):
                passed.append(("doubled", at, to))
            rest = LINES[:at] + LINES[at + 1 :]
            moved = [*rest[:to], line, *rest[to:]]
            if moved != LINES and not refused(b"".join(moved)):
                passed.append(("moved", at, to))
    for one, other in itertools.combinations(range(len(LINES)), 2):
        swapped = list(LINES)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if not refused(b"".join(swapped)):
            passed.append(("swapped", one, other))
    assert passed == []


def test_every_run_of_lines_removed_is_noticed() -> None:
    passed = [
        (start, stop)
        for start, stop in itertools.combinations(range(len(LINES) + 1), 2)
        if not refused(b"".join(LINES[:start] + LINES[stop:]), NOTE)
    ]
    assert passed == []


@given(st.integers(0, len(LOG)), st.integers(0, 40), st.binary(max_size=40))
def test_every_splice_is_noticed(start: int, length: int, replacement: bytes) -> None:
    changed = LOG[:start] + replacement + LOG[start + length :]
    if changed != LOG:
        assert refused(changed, NOTE)


@given(st.binary(max_size=300) | st.lists(st.sampled_from(LINES), max_size=6).map(b"".join))
def test_whatever_is_no_log_is_refused_in_one_way(data: bytes) -> None:
    try:
        verify_ledger(data)
    except InvalidReceiptError:
        return
    assert LOG.startswith(data)


def _recovered(log: bytes, cut: int) -> None:
    """What every cut must be followed by."""
    data = log[:cut]
    entries = [line for line in log.splitlines(keepends=True) if parse(line[:-1]) is not None]
    ends = list(itertools.accumulate(map(len, entries)))
    before = sum(1 for end in ends if end - 1 <= cut)  # all but the newline is the whole entry
    sink = MemorySink(data)
    with Ledger(sink, FIRST) as ledger:
        ledger.append(NEXT)
    after = bytes(sink.data)
    assert after.startswith(data), "nothing is dropped or overwritten"
    found = verify_ledger(after, trusted_key=FIRST.public_key_pem())
    partly = cut - (ends[before - 1] if before else 0)
    if partly > 0:
        (torn,) = found.torn
        assert (torn.entry, torn.bytes) == (before, partly)
        # begun or recovered, the receipt, the checkpoint
        assert found.entries == before + 3
    else:
        assert found.torn == ()
        assert found.entries == before + (2 if before else 3)


def _plain() -> bytes:
    """A log as one process leaves it, not torn yet."""
    sink = MemorySink()
    with Ledger(sink, FIRST, every=2) as ledger:  # a checkpoint in between and one at the end
        for each in receipts(FIRST):
            ledger.append(each)
    return bytes(sink.data)


def _of_acts() -> bytes:
    """The same with two acts, which came in one write: a cut leaves the first whole."""
    sink = MemorySink()
    with Ledger(sink, FIRST) as ledger:
        ledger.record(acts(2))
    return bytes(sink.data)


@pytest.mark.parametrize("written", [_plain, _of_acts], ids=["receipts", "acts"])
def test_a_cut_at_any_byte_is_recovered_from_and_recorded(written: Callable[[], bytes]) -> None:
    log = written()
    for cut in range(len(log) + 1):
        _recovered(log, cut)


def test_a_file_cut_anywhere_within_its_last_entries_is_recovered_from(tmp_path: Path) -> None:
    """On a real file, for a part of the cuts: each waits for the disk several times."""
    log = _plain()
    for cut in range(len(log) - 600, len(log) + 1, 40):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(log[:cut])
        path.chmod(0o600)
        with Ledger(path, FIRST) as ledger:
            ledger.append(receipts(FIRST)[0])
        data = path.read_bytes()
        assert data.startswith(log[:cut])
        assert sum(each.bytes for each in verify_ledger(path).torn) == (
            cut - log.rfind(b"\n", 0, cut) - 1 if cut < len(log) - 1 else 0
        )


def test_recovery_that_is_cut_off_itself_is_recovered_from() -> None:
    log = _plain()
    torn = log[:-200]
    sink = MemorySink(torn)
    Ledger(sink, FIRST).close()
    again = bytes(sink.data)
    for cut in range(len(torn), len(again)):
        sink = MemorySink(again[:cut])
        Ledger(sink, FIRST).close()
        assert bytes(sink.data).startswith(again[:cut])
        assert (
            sum(each.bytes for each in verify_ledger(bytes(sink.data)).torn) >= len(torn) - log[:-200].rfind(b"\n") - 1
        )
