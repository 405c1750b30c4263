"""Acts on a ledger: written in one go, on the disk when that is over, and signed by the key that is then in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import facegate
from facegate.errors import InvalidLedgerError, LedgerError
from facegate.receipt import ActReceipt, Signer, verify_act
from facegate.receipt.ledger import MAX_ACTS, Checkpoint, Ledger, acts, verify_ledger
from facegate.receipt.ledger.entry import parse
from tests.acts import act
from tests.acts import acts as several
from tests.ledgers import MemorySink, receipts
from tests.unit.receipt.test_ledger import ROOT, entries, pem_file

GOLDEN = ROOT / "tests/golden"


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate()


def test_an_act_that_was_recorded_has_a_receipt_and_is_read_back(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, signer) as ledger:
        receipt = ledger.record(act())
        ledger.append(receipts(signer)[1])
        more = ledger.record([act(act="put"), act(act="held"), act()])
        assert ledger.record([]) == ()
        assert ledger.record((act(act="read"),))[0].envelope == entries(path.read_bytes())[-1]["body"]["envelope"]
    assert isinstance(receipt, ActReceipt)
    written = entries(path.read_bytes())
    assert [each["kind"] for each in written] == [
        "begun", "act", "receipt", "receipt", "act", "act", "act", "act", "checkpoint",
    ]  # fmt: skip
    assert [each["body"] for each in written[4:7]] == [{"envelope": each.envelope} for each in more]
    assert written[1]["body"] == {"envelope": receipt.envelope}
    pinned = signer.public_key_pem()
    assert verify_act(receipt, trusted_key=pinned) == act()
    assert [verify_act(each, trusted_key=pinned).act for each in more] == ["put", "held", "deleted"]
    found = verify_ledger(path, trusted_key=pinned)
    assert (found.entries, found.checked, found.unclosed) == (9, 2, ())
    assert list(found.acts.items()) == [("put", 1), ("read", 1), ("deleted", 2), ("held", 1)], "in the order of ACTS"
    assert list(acts(path, trusted_key=pinned)) == [
        (1, act()),
        (4, act(act="put")),
        (5, act(act="held")),
        (6, act()),
        (7, act(act="read")),
    ]


def test_a_sequence_is_one_write_and_one_wait_for_the_disk(
    signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls = tmp_path / "ledger.jsonl", []
    write, sync = os.write, os.fdatasync
    with Ledger(path, signer) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda fd, data: (calls.append(("write", len(data))), write(fd, data))[1])
            patch.setattr(os, "fdatasync", lambda fd: (calls.append(("sync", path.stat().st_size)), sync(fd))[1])
            start = path.stat().st_size
            ledger.record(several(MAX_ACTS))
            assert [kind for kind, _ in calls] == ["write", "sync"]
            assert calls[1][1] == start + calls[0][1] == path.stat().st_size
            ledger.record([])
            assert len(calls) == 2
    assert [each.count for _, each in acts(path)] == list(range(MAX_ACTS))


def test_acts_count_for_checkpoints(signer: Signer) -> None:
    sink, notes = MemorySink(), []
    with Ledger(sink, signer, every=5, on_checkpoint=notes.append) as ledger:
        ledger.record(several(3))
        assert notes == []
        ledger.record(act())
        assert [Checkpoint.parse(each).size for each in notes] == [5]
        ledger.record(several(12))
        ledger.record(several(4))
        assert [Checkpoint.parse(each).size for each in notes] == [5, 18]
    assert verify_ledger(bytes(sink.data), checkpoint=notes[1]).acts == {"deleted": 20}


@pytest.mark.parametrize("wrong", [None, "deleted", {"act": "deleted"}, [act(), None], [act(), "x"], iter([act()])])
def test_what_is_no_act_is_not_recorded(signer: Signer, wrong: Any) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        before = bytes(sink.data)
        with pytest.raises(LedgerError, match="an act or a sequence of acts"):
            ledger.record(wrong)
        with pytest.raises(LedgerError, match=f"at most {MAX_ACTS} acts"):
            ledger.record(several(MAX_ACTS + 1))
        assert bytes(sink.data) == before


def test_a_full_disk_in_the_middle_of_a_sequence_leaves_the_first_of_it(signer: Signer) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        start = len(sink.data)
        ledger.record(act(count=0))
        line = len(sink.data) - start
        for whole, part in ((0, 0), (0, 1), (1, 0), (2, 700), (1, line - 1)):
            sink.limit = len(sink.data) + whole * (line + 8) + part
            with pytest.raises(LedgerError, match="No space left"):
                ledger.record(several(4))
            sink.limit = None
            ledger.record(act(count=100))
    found = verify_ledger(bytes(sink.data), trusted_key=signer.public_key_pem())
    assert found.torn != ()
    counts = [each.count for _, each in acts(bytes(sink.data))]
    assert counts[0] == 0
    # Of every sequence that was cut off a beginning, and then what came after there was room.
    pieces = "".join("." if each == 100 else str(each) for each in counts[1:]).split(".")
    assert all("0123".startswith(each) and each != "0123" for each in pieces)
    assert len(pieces) == 6
    assert pieces[3] == "01"


def test_a_loss_of_power_that_leaves_nothing_but_zeros_of_the_longest_sequence(signer: Signer) -> None:
    """As file systems may that note the length of a file before its content."""
    sink = MemorySink()
    longest = act(who="\U00020000" * 128, request="\U00020000" * 128, why="x" * 64, count=2**53 - 1, bytes=2**53 - 1)
    with Ledger(sink, signer) as ledger:
        before = len(sink.data)
        ledger.record([longest] * MAX_ACTS)
    assert verify_ledger(bytes(sink.data)).acts == {"deleted": MAX_ACTS}
    torn = MemorySink(bytes(sink.data[:before]) + bytes(len(sink.data) - before))
    with Ledger(torn, signer) as ledger:
        ledger.record(act())
    assert verify_ledger(bytes(torn.data)).acts == {"deleted": 1}


def test_acts_are_signed_by_the_key_in_force(signer: Signer) -> None:
    sink, second, third = MemorySink(), Signer.generate(), Signer.generate()
    with Ledger(sink, signer) as ledger:
        issued = [ledger.record(act(count=0))]
        for number, key in enumerate((second, third), 1):
            ledger.rotate(key)
            issued.append(ledger.record(act(count=number)))
    assert [verify_act(each).count for each in issued] == [0, 1, 2]
    assert [each.public_key for each in issued] == [each.public_key_pem() for each in (signer, second, third)]
    for processes in (1, 2):
        found = verify_ledger(bytes(sink.data), trusted_key=signer.public_key_pem(), processes=processes)
        assert (found.acts, found.key_id) == ({"deleted": 3}, third.key_id)
    assert [each.count for _, each in acts(bytes(sink.data), trusted_key=signer.public_key_pem())] == [0, 1, 2]


def test_who_waits_while_the_key_is_changed_signs_with_the_new_one(signer: Signer) -> None:
    second, waiting = Signer.generate(), threading.Event()

    class Slow(MemorySink):
        def append(self, data: bytes) -> None:
            if b'"kind":"rotation"' in data:
                waiting.set()
                time.sleep(0.3)  # in which the other thread comes to the lock
            super().append(data)

    sink = Slow()
    with Ledger(sink, signer) as ledger:
        rotating = threading.Thread(target=ledger.rotate, args=(second,))
        rotating.start()
        waiting.wait()
        receipt = ledger.record(act())
        rotating.join()
    assert receipt.public_key == second.public_key_pem()
    assert verify_ledger(bytes(sink.data)).acts == {"deleted": 1}


def test_who_may_not_append_may_not_record(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger, other = Ledger(path, signer), Ledger(path, signer)
    ledger.rotate(Signer.generate())
    with pytest.raises(LedgerError, match="another than the one given"):
        other.record(act())
    pid = os.fork()
    if pid == 0:
        try:
            ledger.record(act())
        except LedgerError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.record(act())


def test_no_act_is_recorded_on_a_log_that_was_changed(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, signer) as ledger:
        ledger.record(several(2))
    changed = path.read_bytes().replace(b'"kind":"act"', b'"kind":"art"', 1)
    path.write_bytes(changed)
    with pytest.raises(InvalidLedgerError, match="Entry 1: it is damaged"):
        Ledger(path, signer)
    assert path.read_bytes() == changed


def test_processes_and_threads_record_at_once(tmp_path: Path) -> None:
    path, key = tmp_path / "ledger.jsonl", pem_file(tmp_path)
    script = """
import sys, threading
from facegate.receipt import Signer
from facegate.receipt.ledger import Ledger
from tests.acts import act, acts
from tests.ledgers import receipts
path, name, signer = sys.argv[1], sys.argv[3], Signer.from_pem(open(sys.argv[2], "rb").read())
with Ledger(path, signer, every=7) as ledger:
    sys.stdin.readline()
    def work(thread):
        for number in range(6):
            ledger.record(acts(4, who=f"{name}-{thread}", request=str(number)))
            ledger.append(receipts(signer, gate_id=f"{name}-{thread}", sequence=number + 1)[1])
            ledger.record(act(act="put", who=f"{name}-{thread}"))
    threads = [threading.Thread(target=work, args=(each,)) for each in range(2)]
    for each in threads: each.start()
    for each in threads: each.join()
"""
    command = [sys.executable, "-c", script, str(path), str(key)]
    workers = [
        subprocess.Popen([*command, f"p{each}"], cwd=ROOT, stdin=subprocess.PIPE, text=True) for each in range(3)
    ]
    for each in workers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in workers:
        each.communicate(timeout=120)
        assert each.returncode == 0
    found = verify_ledger(path, trusted_key=Signer.from_pem(key.read_bytes()).public_key_pem())
    assert (found.acts, found.checked, found.torn) == ({"put": 36, "deleted": 144}, 72, ())
    read = [(number, each) for number, each in acts(path) if each.act == "deleted"]
    for at in range(0, len(read), 4):  # nothing comes between those of a sequence
        four = read[at : at + 4]
        assert [each.count for _, each in four] == [0, 1, 2, 3]
        assert [number - four[0][0] for number, _ in four] == [0, 1, 2, 3]
        assert len({(each.who, each.request) for _, each in four}) == 1


def test_an_interrupt_in_the_middle_does_no_harm(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(
                "facegate.receipt.ledger.merkle.Tree.append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
            )
            with pytest.raises(KeyboardInterrupt):
                ledger.record(several(3))
        ledger.record(act())
    assert verify_ledger(bytes(sink.data)).acts == {"deleted": 4}


def test_a_log_without_acts_verifies_as_it_always_did(tmp_path: Path) -> None:
    """Kept as a file, with an entry of every other kind, and a torn one: acts changed nothing of these."""
    log = (GOLDEN / "ledger_without_acts.jsonl").read_bytes()
    note = (GOLDEN / "ledger_without_acts.note.txt").read_text(encoding="utf-8")
    found = verify_ledger(log, checkpoint=note)
    assert (found.entries, found.checked, len(found.unclosed), len(found.torn)) == (12, 5, 1, 1)
    assert (found.acts, found.unchecked, found.known) == ({}, 0, True)
    assert list(acts(log, checkpoint=note)) == []
    kinds = {each.kind for line in log.splitlines() if (each := parse(line))}
    assert kinds == {"begun", "receipt", "checkpoint", "rotation", "recovered"}
    path = tmp_path / "old.jsonl"
    path.write_bytes(log.replace(b'"phase":"OPEN"', b'"phase":"CLOSE"', 1))
    with pytest.raises(InvalidLedgerError):
        verify_ledger(path)


def test_what_a_gate_writes_and_acts_are_on_one_ledger(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, signer) as ledger:
        with facegate.Gate(facegate.Policy(spares=0), ledger=ledger) as gate:
            with gate.open_request("with-an-act", purpose="generation"):
                ledger.record(act(act="put", request="with-an-act"))
    found = verify_ledger(path, trusted_key=signer.public_key_pem())
    assert (found.checked, found.unclosed, found.acts) == (2, (), {"put": 1})
    assert json.loads(path.read_bytes().splitlines()[2])["kind"] == "act"
