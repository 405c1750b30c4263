"""The ledger: what it writes, what it refuses to write, and what others make of it."""

from __future__ import annotations

import base64
import errno
import hashlib
import itertools
import json
import os
import pickle
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

import facegate
from facegate.errors import InvalidLedgerError, InvalidReceiptError, LedgerError, ReceiptError
from facegate.receipt import Signer, open_receipt
from facegate.receipt.envelope import canonical
from facegate.receipt.form import to_json
from facegate.receipt.ledger import Checkpoint, FileSink, Ledger, verify_ledger
from facegate.receipt.ledger.entry import ENTRY_TYPE, compose, key_text, parse
from facegate.receipt.ledger.merkle import Tree
from tests.ledgers import MemorySink, receipts, sample
from tests.unit.test_receipt import opened

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def entries(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines() if parse(line) is not None]


def ssl_key(signer: Signer) -> SSlibKey:
    return SSlibKey.from_crypto(
        serialization.load_pem_public_key(signer.public_key_pem()),
        keyid=signer.key_id,  # type: ignore[arg-type]
    )


def test_the_tree_is_that_of_rfc_6962() -> None:
    """The vectors of Certificate Transparency's reference implementation."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    tree = Tree()
    assert tree.root() == hashlib.sha256(b"").digest()
    for leaf, root in zip(leaves, roots, strict=True):
        tree.append(bytes.fromhex(leaf))
        assert tree.root().hex() == root
    assert tree.size == 8


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


def test_an_independent_reader_agrees(signer: Signer) -> None:
    """Chain, roots and notes by the formats' own words; envelopes and entries by another DSSE implementation."""
    second = Signer.generate()
    data, _ = sample(signer, second)
    key, public = ssl_key(signer), signer.public_key
    previous, leaves, before, seen, told = "0" * 64, [], "none", 0, 0
    for line in data.splitlines():
        if parse(line) is None:
            continue
        entry = json.loads(line)
        assert (entry["index"], entry["previous"]) == (len(leaves), previous)
        signature = entry.pop("signature")
        unsigned = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        signatures = [{"keyid": key.keyid, "sig": signature}]
        envelope = Envelope.from_dict(
            {"payload": base64.b64encode(unsigned).decode(), "payloadType": ENTRY_TYPE, "signatures": signatures}
        )
        envelope.verify([key], 1)
        with pytest.raises(VerificationError):
            envelope.verify([ssl_key(Signer.generate())], 1)
        body = entry["body"]
        if entry["kind"] == "receipt":
            owner = signer if body["envelope"]["signatures"][0]["keyid"] == signer.key_id else second
            Envelope.from_dict(body["envelope"]).verify([ssl_key(owner)], 1)
            seen += 1
        elif entry["kind"] == "act":
            Envelope.from_dict(body["envelope"]).verify([key], 1)  # the one in force
            told += 1
        elif entry["kind"] == "checkpoint":
            text, _, last = body["note"].rpartition("\n\n")
            origin, size, root, extension = text.split("\n")
            assert (int(size), base64.b64decode(root)) == (len(leaves), plain_root(leaves))
            assert extension == f"previous {before}"
            dash, name, blob = last.rstrip("\n").split(" ")
            assert (dash, name) == ("—", origin)
            signed = base64.b64decode(blob)
            assert signed[:4] == hashlib.sha256(f"{name}\n\x01".encode() + public.public_bytes_raw()).digest()[:4]
            public.verify(signed[4:], f"{text}\n".encode())
            before = f"{size} {root}"
        elif entry["kind"] == "rotation":
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(body["key"]))
            key = ssl_key(second)
        previous = hashlib.sha256(line).hexdigest()
        leaves.append(hashlib.sha256(line).digest())
    assert (seen, told) == (5, 1)


def test_phases_by_themselves_and_a_close_that_brings_its_open(signer: Signer, path: Path) -> None:
    (one, one_closed), (_, two_closed), (three, _) = (receipts(signer) for _ in range(3))
    with Ledger(path, signer) as ledger:
        for each in (one, two_closed, three, one_closed):
            ledger(each)
        for again in (one, one_closed, two_closed, three):
            with pytest.raises(LedgerError, match="already"):
                ledger.append(again)
    found = verify_ledger(path, trusted_key=signer.public_key_pem())
    assert (found.entries, found.checked) == (7, 5)
    assert [(each.request_id, each.entry) for each in found.unclosed] == [(three.statement()["subject"][0]["name"], 4)]
    with pytest.raises(InvalidLedgerError, match="another key"):
        verify_ledger(path, trusted_key=Signer.generate().public_key_pem())


def test_the_file_is_its_owners_and_no_link(signer: Signer, path: Path, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Ledger(path, signer).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe)
    for bad in (link, pipe, tmp_path, tmp_path / "missing" / "ledger.jsonl"):
        with pytest.raises(LedgerError):
            Ledger(bad, signer)
    path.chmod(0o620)
    with pytest.raises(LedgerError, match="owner alone"):
        Ledger(path, signer)


def test_each_append_waits_for_the_disk(signer: Signer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one write, and what was written is what was synchronised."""
    calls: list[tuple[str, int]] = []
    write, sync = os.write, os.fdatasync
    monkeypatch.setattr(os, "write", lambda fd, data: (calls.append(("write", len(data))), write(fd, data))[1])
    monkeypatch.setattr(os, "fdatasync", lambda fd: (calls.append(("sync", path.stat().st_size)), sync(fd))[1])
    ledger = Ledger(path, signer)
    calls.clear()
    start = path.stat().st_size
    ledger.append(receipts(signer)[1])  # two entries
    (kind, length), (then, size) = calls
    assert (kind, then, size) == ("write", "sync", start + length)
    ledger.close()


def test_the_name_of_a_new_file_is_synchronised_too(
    path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (folders.append(str(Path(f"/proc/self/fd/{fd}").readlink())), sync(fd))[1]
    )
    Ledger(path, signer).close()
    Ledger(path, signer).close()
    assert folders == [str(path.parent)]


def test_a_disk_that_failed_is_not_trusted_again(signer: Signer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(path, signer)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(LedgerError, match="Input/output error"):
            ledger.append(receipts(signer)[0])
    with pytest.raises(LedgerError, match="failed before"):
        ledger.append(receipts(signer)[0])
    with pytest.raises(LedgerError):
        ledger.close()
    with Ledger(path, signer) as ledger:
        ledger.append(receipts(signer)[0])
    assert verify_ledger(path).checked == 2


def test_a_full_sink_leaves_a_torn_entry_and_recovers_when_there_is_room(signer: Signer) -> None:
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    for room in (0, 1, 500, 1500):
        sink.limit = len(sink.data) + room
        before = receipts(signer)[1]
        with pytest.raises(LedgerError, match="No space left"):
            ledger.append(before)
        sink.limit = None
        ledger.append(before)
    ledger.close()
    found = verify_ledger(bytes(sink.data))
    assert found.unclosed == ()
    assert len(found.torn) == 3


def test_a_real_write_that_is_cut_short(path: Path, tmp_path: Path) -> None:
    """A file-size limit makes the kernel write a part, as a full disk does."""
    key = pem_file(tmp_path)
    script = """
import resource, signal, sys
from facegate.errors import LedgerError
from facegate.receipt import Signer
from facegate.receipt.ledger import Ledger
from tests.ledgers import receipts
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, signer = sys.argv[1], Signer.from_pem(open(sys.argv[2], "rb").read())
ledger = Ledger(path, signer)
ledger.append(receipts(signer)[0])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    ledger.append(receipts(signer)[0])
except LedgerError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, path, key], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "bytes were written" in done.stdout
    assert path.stat().st_size == 2000
    with pytest.raises(InvalidLedgerError, match="Entry 2: the log breaks off here"):
        verify_ledger(path)
    with Ledger(path, Signer.from_pem(key.read_bytes())):
        pass
    (torn,) = verify_ledger(path).torn
    assert torn.entry == 2


def pem_file(folder: Path) -> Path:
    key = folder / "key.pem"
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(*formats))
    return key


def test_many_processes_and_threads_append_at_once(path: Path, tmp_path: Path) -> None:
    key = pem_file(tmp_path)
    script = """
import sys, threading
from facegate.receipt import Signer
from facegate.receipt.ledger import Ledger
from tests.ledgers import receipts
path, name, signer = sys.argv[1], sys.argv[3], Signer.from_pem(open(sys.argv[2], "rb").read())
with Ledger(path, signer, every=7) as ledger:
    sys.stdin.readline()
    def work(thread):
        for number in range(8):
            for each in receipts(signer, gate_id=f"{name}-{thread}", sequence=number + 1):
                ledger.append(each)
    threads = [threading.Thread(target=work, args=(each,)) for each in range(3)]
    for each in threads: each.start()
    for each in threads: each.join()
"""
    command = [sys.executable, "-c", script, str(path), str(key)]
    workers = [
        subprocess.Popen([*command, f"p{each}"], cwd=ROOT, stdin=subprocess.PIPE, text=True) for each in range(4)
    ]
    for each in workers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in workers:
        each.communicate(timeout=120)
        assert each.returncode == 0
    found = verify_ledger(path, trusted_key=Signer.from_pem(key.read_bytes()).public_key_pem())
    assert (found.checked, found.unclosed, found.torn) == (4 * 3 * 8 * 2, (), ())
    gates = [
        json.loads(base64.b64decode(each["body"]["envelope"]["payload"]))
        for each in entries(path.read_bytes())
        if each["kind"] == "receipt"
    ]
    order = [each["predicate"]["gate"].partition("-")[0] for each in gates]
    assert sum(one != other for one, other in itertools.pairwise(order)) > 3, "they did not run at once"


def test_two_ledgers_of_one_file_follow_each_other(signer: Signer, path: Path) -> None:
    with Ledger(path, signer) as one, Ledger(path, signer) as other:
        first, last = receipts(signer)
        one.append(first)
        other.append(last)
        with pytest.raises(LedgerError, match="already"):
            one.append(last)
        one.append(receipts(signer)[0])
        other.append(receipts(signer)[0])
    assert verify_ledger(path).checked == 4


def test_rotation_goes_from_key_to_key(signer: Signer, path: Path) -> None:
    second, third = Signer.generate(), Signer.generate()
    notes: list[str] = []
    with Ledger(path, signer, on_checkpoint=notes.append) as ledger, Ledger(path, signer) as other:
        ledger.append(receipts(signer)[0])
        note = ledger.rotate(second)
        assert notes == [note]
        ledger.append(receipts(signer)[0])
        with pytest.raises(LedgerError, match="another than the one given"):
            other.append(receipts(signer)[0])
        ledger.rotate(third)
        with pytest.raises(LedgerError):
            other.close()
    size = path.stat().st_size
    for stranger in (signer, second):
        with pytest.raises(LedgerError, match="another than the one given"):
            Ledger(path, stranger)
    assert path.stat().st_size == size, "a stranger's ledger writes nothing"
    found = verify_ledger(path, trusted_key=signer.public_key_pem(), checkpoint=note)
    assert found.key_id == third.key_id
    with pytest.raises(InvalidLedgerError, match="began with another key"):
        verify_ledger(path, trusted_key=third.public_key_pem())


def test_only_the_key_in_force_can_name_the_next(signer: Signer) -> None:
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    ledger.append(receipts(signer)[0])
    chain, forger = ledger._chain, Signer.generate()
    for owner in (signer, forger):
        body = {"key": key_text(forger.public_key)}
        taken = MemorySink(bytes(sink.data) + compose("rotation", body, chain.size, chain.head, owner) + b"\n")
        if owner is signer:
            Ledger(taken, forger).close()
            assert verify_ledger(bytes(taken.data)).key_id == forger.key_id
        else:
            with pytest.raises(InvalidLedgerError, match="Entry 2: its signature"):
                Ledger(taken, forger)
            with pytest.raises(InvalidLedgerError, match="Entry 2: its signature"):
                verify_ledger(bytes(taken.data))


def rebuilt(log: bytes, drop: set[int], forger: Signer) -> bytes:
    """The log without some entries, numbered and chained anew, signed by someone who has not the key."""
    lines: list[bytes] = []
    previous = "0" * 64
    for each in entries(log):
        if each["index"] in drop:
            continue
        line = compose(each["kind"], each["body"], len(lines), previous, forger)
        previous = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    return b"".join(lines)


def test_a_chain_that_was_computed_anew_needs_the_key(signer: Signer) -> None:
    """SHA-256 is anybody's: what keeps a forger out is the signature of each entry."""
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    for _ in range(3):
        for each in receipts(signer):
            ledger.append(each)
    log = bytes(sink.data)
    assert verify_ledger(rebuilt(log, set(), signer)).checked == 6, "the forgery is perfect but for the key"
    forger = Signer.generate()
    for drop in (set(), {5, 6}, {6}):
        with pytest.raises(InvalidLedgerError, match="signature"):
            verify_ledger(rebuilt(log, drop, forger))
    # With the key, what a checkpoint has covered cannot be changed either, for who knows the checkpoint.
    note = ledger.checkpoint()
    with pytest.raises(InvalidLedgerError, match="rewritten"):
        verify_ledger(_with_more(rebuilt(log, {5, 6}, signer), signer), checkpoint=note)
    ledger.close()


def _with_more(log: bytes, signer: Signer) -> bytes:
    sink = MemorySink(log)
    with Ledger(sink, signer) as ledger:
        for _ in range(2):
            ledger.append(receipts(signer)[1])
    return bytes(sink.data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 3}, "root does not fit"),
        ({"root": b"\x01" * 32}, "root does not fit"),
        ({"log": "ab" * 16}, "root does not fit"),
        ({"before": None}, "checkpoint before it"),
        ({"signer": Signer.generate()}, "signature"),
    ],
)
def test_a_checkpoint_that_is_a_lie_is_refused(signer: Signer, change: dict[str, Any], words: str) -> None:
    """Also when the entry around it is signed with the log's own key."""
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    ledger.checkpoint()
    ledger.append(receipts(signer)[1])
    chain = ledger._chain
    right = {"log": chain.log, "size": chain.size, "root": chain.tree.root(), "before": chain.latest, "signer": signer}
    for fields, fits in ((right, True), (right | change, False)):
        note = Checkpoint.sign(**fields).text
        line = compose("checkpoint", {"note": note}, chain.size, chain.head, signer)
        log = bytes(sink.data) + line + b"\n"
        if fits:
            verify_ledger(log)
        else:
            with pytest.raises(InvalidLedgerError, match=words) as caught:
                verify_ledger(log)
            assert caught.value.entry == chain.size


def test_receipts_that_lie_are_refused_by_number(signer: Signer) -> None:
    """Signed by the log's own key, entry and all."""
    sink = MemorySink()
    ledger = Ledger(sink, signer)
    first, last = receipts(signer)
    ledger.append(first)
    chain = ledger._chain
    key = key_text(signer.public_key)
    digest = next(iter(chain.open))
    statement = last.statement()

    def lie(path: str, value: Any, **body: Any) -> bytes:
        said = json.loads(json.dumps(statement))
        place = said
        *parents, name = path.split(".")
        for each in parents:
            place = place[int(each)] if isinstance(place, list) else place[each]
        place[name] = value
        content = {"envelope": signer.sign(said), "key": key, "opened": digest, "phase": "CLOSE"} | body
        return bytes(sink.data) + compose("receipt", content, chain.size, chain.head, signer) + b"\n"

    assert verify_ledger(lie("predicate.phase", "CLOSE")).unclosed == ()
    other = Signer.generate()
    for log, words in (
        (lie("predicate.phase", "OPEN"), "predicate.phase"),
        (lie("predicate.gate", "other"), "gate"),
        (lie("predicate.sequence", 999_999), "sequence"),
        (lie("predicate.closedAt", "2020-01-01T00:00:00.000Z"), "before it was opened"),
        (lie("predicate.outcome", "purge-failed"), "does not fit"),
        (lie("predicate.opened.sha256", "00" * 32), "another OPEN"),
        (lie("predicate.phase", "CLOSE", opened="00" * 32), "never opened"),
        (lie("predicate.phase", "CLOSE", key=key_text(other.public_key)), "another key"),
        (
            lie("predicate.phase", "CLOSE", envelope=other.sign(statement), key=key_text(other.public_key)),
            "differs in key",
        ),
        (lie("predicate.phase", "CLOSE", phase="OPEN"), "opened before"),
        (lie("predicate.phase", "CLOSE", envelope=first.envelopes[0]), "the fields that it must have"),
    ):
        with pytest.raises(InvalidLedgerError, match=words) as caught:
            verify_ledger(log)
        assert caught.value.entry == 2
        assert str(caught.value).startswith("Entry 2: ")


def test_two_requests_of_one_number_are_refused(signer: Signer) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        for name in ("one", "two"):
            ledger.append(open_receipt(opened(request_id=name), signer))
    with pytest.raises(InvalidLedgerError, match="Entry 2: the gate had a request of that number"):
        verify_ledger(bytes(sink.data))


def test_nothing_is_appended_to_a_log_that_was_changed(signer: Signer, path: Path) -> None:
    with Ledger(path, signer) as ledger:
        ledger.append(receipts(signer)[1])
    good = path.read_bytes()
    changed = good.replace(b'"phase":"OPEN"', b'"phase":"open"')
    path.write_bytes(changed)
    with pytest.raises(InvalidLedgerError, match="Entry 1: it is damaged"):
        Ledger(path, signer)
    path.write_bytes(good[:-1] + b"}")  # the last byte alone: it has the look of a torn entry, and is recorded as one
    with Ledger(path, signer) as ledger:
        ledger.append(receipts(signer)[0])
    assert len(verify_ledger(path).torn) == 1
    with Ledger(path, signer) as ledger:
        ledger.append(receipts(signer)[0])
        os.truncate(path, len(good) // 2)
        with pytest.raises(LedgerError, match="shorter"):
            ledger.append(receipts(signer)[0])
        path.unlink()
        with pytest.raises(LedgerError, match="removed or replaced"):
            ledger.append(receipts(signer)[0])
        path.write_bytes(good)
        path.chmod(0o600)
        with pytest.raises(LedgerError, match="removed or replaced"):
            ledger.close()
    assert path.read_bytes() == good


def test_a_receipt_that_does_not_verify_is_not_taken(signer: Signer, path: Path) -> None:
    statement = receipts(signer)[0].statement()
    forged = facegate.Receipt(to_json([Signer.generate().sign(statement)], signer.public_key_pem()))
    with Ledger(path, signer) as ledger:
        with pytest.raises(InvalidReceiptError):
            ledger.append(forged)
    assert verify_ledger(path).checked == 0


def test_checkpoints_come_every_so_many_entries_and_at_the_end(signer: Signer, path: Path) -> None:
    notes: list[str] = []
    with Ledger(path, signer, every=3, on_checkpoint=notes.append) as ledger:
        for _ in range(4):
            ledger.append(receipts(signer)[1])
        assert [Checkpoint.parse(each).size for each in notes] == [3, 8]
        assert ledger.checkpoint() == notes[-1]
        assert ledger.checkpoint() == notes[-1]
    assert len(notes) == 3
    for each in notes:
        assert verify_ledger(path, checkpoint=each).known
    assert entries(path.read_bytes())[-1]["kind"] == "checkpoint"
    Ledger(path, signer).close()
    assert entries(path.read_bytes())[-1]["index"] == Checkpoint.parse(notes[-1]).size
    with pytest.raises(LedgerError, match="every 1"):
        Ledger(path, signer, every=0)


def test_a_range_against_a_checkpoint(signer: Signer) -> None:
    sink = MemorySink()
    notes: list[str] = []
    with Ledger(sink, signer, every=4, on_checkpoint=notes.append) as ledger:
        for _ in range(5):
            for each in receipts(signer):
                ledger.append(each)
    log = bytes(sink.data)
    size = Checkpoint.parse(notes[1]).size
    found = verify_ledger(log, checkpoint=notes[1], entries=range(2, size))
    assert (found.entries, found.checkpoint) == (size + 1, notes[1])
    assert found.checked == sum(each["kind"] == "receipt" for each in entries(log)[2:size])
    # A receipt that does not verify, in a log that its key signed: seen in the range, not looked at outside.
    lines = [json.loads(line) for line in log.splitlines()]
    lines[1]["body"]["envelope"]["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    bad = rebuilt(b"".join(canonical(each) + b"\n" for each in lines[:4]), set(), signer)
    assert verify_ledger(bad, entries=range(2, 4)).checked == 2
    with pytest.raises(InvalidLedgerError, match="Entry 1: The signature does not fit"):
        verify_ledger(bad, entries=range(1, 3))
    for wrong in (range(0, size + 1), range(0, 4, 2), range(-1, 2)):
        with pytest.raises(ReceiptError, match="range") as caught:
            verify_ledger(log, checkpoint=notes[1], entries=wrong)
        assert not isinstance(caught.value, InvalidReceiptError)
    with pytest.raises(ReceiptError, match="fewer than the range"):
        verify_ledger(log, entries=range(0, 500))


def test_several_processes_find_what_one_finds(signer: Signer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facegate.receipt.ledger.checks._BATCH", 5)
    with Ledger(path, signer) as ledger:
        for _ in range(10):
            for each in receipts(signer):
                ledger.append(each)
        ledger.append(receipts(signer)[0])
    assert verify_ledger(path, processes=2) == verify_ledger(path)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    lines[17]["body"]["envelope"]["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    bad = rebuilt(b"".join(canonical(each) + b"\n" for each in lines[:-1]), set(), signer)
    with pytest.raises(InvalidLedgerError, match=r"^Entry 17: The signature does not fit the receipt\.$") as caught:
        verify_ledger(bad, processes=2)
    assert caught.value.entry == 17


def test_mistakes_of_the_caller_say_nothing_about_the_log(signer: Signer, path: Path, tmp_path: Path) -> None:
    with Ledger(path, signer) as ledger:
        ledger.append(receipts(signer)[0])
    for wrong in ({"checkpoint": "nonsense"}, {"checkpoint": "x" * 5000}, {"trusted_key": b"nonsense"}):
        with pytest.raises(ReceiptError) as caught:
            verify_ledger(path, **wrong)
        assert not isinstance(caught.value, InvalidReceiptError)
    other = Ledger(tmp_path / "other.jsonl", signer)
    for _ in range(3):
        other.append(receipts(signer)[0])
    with pytest.raises(InvalidLedgerError):
        verify_ledger(path, checkpoint=other.checkpoint())
    other.close()
    with pytest.raises(InvalidLedgerError, match="no entry"):
        verify_ledger(b"")
    with pytest.raises(InvalidLedgerError):
        verify_ledger(b"\0" * 3_000_000)
    with pytest.raises(InvalidLedgerError):
        verify_ledger(b"\n" * 3_000_000)


def test_a_ledger_is_closed_once_and_does_not_leave_its_process(signer: Signer, path: Path) -> None:
    ledger = Ledger(path, signer)
    with pytest.raises(LedgerError):
        pickle.dumps(ledger)
    pid = os.fork()
    if pid == 0:
        try:
            ledger.append(receipts(signer)[0])
        except LedgerError:
            ledger.close()  # the parent's: left alone
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    ledger.append(receipts(signer)[0])
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.append(receipts(signer)[0])
    sink = FileSink(path)
    sink.close()
    sink.close()
    with pytest.raises(LedgerError, match="closed"), sink.exclusive():
        pass
    assert verify_ledger(path).checked == 1


def test_threads_get_the_log_one_at_a_time(signer: Signer) -> None:
    """A sink without a lock of its own is enough for one process."""
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:

        def work() -> None:
            for _ in range(10):
                ledger.append(receipts(signer)[1])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert verify_ledger(bytes(sink.data)).checked == 80


def test_an_interrupt_in_the_middle_does_no_harm(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        first, last = receipts(signer)
        with monkeypatch.context() as patch:
            patch.setattr(Tree, "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                ledger.append(first)
        ledger.append(last)
    assert verify_ledger(bytes(sink.data)).checked == 2


def test_closing_with_the_gate(signer: Signer, path: Path) -> None:
    kept: list[facegate.Receipt] = []
    with Ledger(path, signer) as ledger:
        with facegate.Gate(facegate.Policy(spares=0), ledger=ledger, on_receipt=kept.append) as gate:
            assert gate.signer is signer
            with gate.open_request("in-the-ledger", purpose="generation"):
                assert [each.kind for each in map(parse, path.read_bytes().splitlines()) if each] == [
                    "begun",
                    "receipt",
                ]
        assert entries(path.read_bytes())[-1]["kind"] == "checkpoint"
    found = verify_ledger(path, trusted_key=signer.public_key_pem())
    assert (found.checked, found.unclosed, len(kept)) == (2, (), 2)


def test_a_request_does_not_begin_if_the_ledger_cannot_be_written(signer: Signer) -> None:
    sink = MemorySink()
    with Ledger(sink, signer) as ledger:
        with facegate.Gate(facegate.Policy(spares=0), ledger=ledger) as gate:
            sink.limit = len(sink.data)
            with pytest.raises((LedgerError, ExceptionGroup)):
                with gate.open_request("full", purpose="generation"):
                    pytest.fail("it began")
            sink.limit = None
            with gate.open_request("room", purpose="generation"):
                pass
    assert verify_ledger(bytes(sink.data)).unclosed == ()


def test_what_a_killed_worker_leaves_is_listed_by_its_request_id(path: Path, tmp_path: Path) -> None:
    key = pem_file(tmp_path)
    script = """
import os, signal, sys
import facegate
signer = facegate.Signer.from_pem(open(sys.argv[2], "rb").read())
gate = facegate.Gate(facegate.Policy(spares=0), ledger=facegate.Ledger(sys.argv[1], signer))
with gate.open_request("done", purpose="generation"):
    pass
gate.open_request("killed", purpose="generation").open()
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, path, key], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -9
    signer = Signer.from_pem(key.read_bytes())
    with Ledger(path, signer):
        pass  # a worker that starts again goes on
    found = verify_ledger(path, trusted_key=signer.public_key_pem())
    assert [each.request_id for each in found.unclosed] == ["killed"]
    assert found.checked == 3
