"""Receipts: what they say, who can check them, and what they refuse."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from facegate.errors import InvalidReceiptError, ReceiptError
from facegate.protections import Protection
from facegate.receipt import Closed, Opened, PurgeReport, Receipt, Shared, Signer, open_receipt, verify
from facegate.receipt.envelope import pre_authentication_encoding
from facegate.receipt.form import to_json

NOW = datetime(2026, 3, 4, 5, 6, 7, 891000, UTC)


ENTRY = {"partner": "provider", "category": "upload", "count": 2, "bytes": 300}


def opened(**changes: Any) -> Opened:
    fields: dict[str, Any] = {
        "request_id": "req-7f3a",
        "purpose": "generation",
        "gate_id": "a1b2",
        "sequence": 7,
        "opened_at": NOW,
        "policy_digest": "ab" * 32,
        "rules_digest": "cd" * 32,
        "models": {"face_landmark": "cd" * 32},
        "level": "process",
        "protections": [Protection("landlock_files", "achieved", "ABI 7")],
    }
    return Opened(**fields | changes)


def closed(**changes: Any) -> Closed:
    fields: dict[str, Any] = {
        "outcome": "finished",
        "error": None,
        "child_end": "killed at purge",
        "purge": PurgeReport(bytes_wiped=100, bytes_reread=100, bytes_nonzero=0, residuals=[]),
        "closed_at": NOW + timedelta(seconds=1),
    }
    return Closed(**fields | changes)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture
def receipt(signer: Signer) -> Receipt:
    return open_receipt(opened(), signer).close(closed(), signer)


def test_both_phases_say_what_happened(signer: Signer, receipt: Receipt) -> None:
    verified = verify(receipt, trusted_key=signer.public_key_pem())
    assert (verified.request_id, verified.purpose, verified.level) == ("req-7f3a", "generation", "process")
    assert (verified.outcome, verified.error, verified.child_end) == ("finished", None, "killed at purge")
    assert verified.purge is not None
    assert verified.purge.bytes_wiped == 100
    assert (verified.opened_at, verified.closed_at) == ("2026-03-04T05:06:07.891Z", "2026-03-04T05:06:08.891Z")
    assert verified.pinned
    assert verified.key_id == signer.key_id
    assert not verify(receipt.to_json()).pinned


def test_an_open_request_is_told_apart(signer: Signer) -> None:
    receipt = open_receipt(opened(), signer)
    assert receipt.phase == "OPEN"
    with pytest.raises(InvalidReceiptError, match="never closed"):
        verify(receipt)
    assert verify(receipt, allow_open=True).outcome is None


def test_an_independent_dsse_implementation_agrees(signer: Signer, receipt: Receipt) -> None:
    key = SSlibKey.from_crypto(
        serialization.load_pem_public_key(signer.public_key_pem()),
        keyid=signer.key_id,  # type: ignore[arg-type]
    )
    other = SSlibKey.from_crypto(
        serialization.load_pem_public_key(Signer.generate().public_key_pem()),
        keyid=signer.key_id,  # type: ignore[arg-type]
    )
    for written in receipt.envelopes:
        envelope = Envelope.from_dict(json.loads(json.dumps(written)))
        assert envelope.pae() == pre_authentication_encoding(envelope.payload)
        assert set(envelope.verify([key], 1)) == {signer.key_id}
        with pytest.raises(VerificationError):
            envelope.verify([other], 1)
        envelope.payload += b" "
        with pytest.raises(VerificationError):
            envelope.verify([key], 1)


def test_an_independent_in_toto_implementation_agrees(receipt: Receipt) -> None:
    for written in receipt.envelopes:
        statement = json.loads(base64.b64decode(written["payload"]))
        parsed = Statement(
            [_descriptor(subject) for subject in statement["subject"]],
            statement["predicateType"],
            statement["predicate"],
        )
        parsed.validate()


def _descriptor(subject: dict[str, Any]) -> Any:
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor

    return ResourceDescriptor(name=subject["name"], digest=subject["digest"]).pb


def test_another_key_is_refused(receipt: Receipt) -> None:
    with pytest.raises(InvalidReceiptError, match="another key"):
        verify(receipt, trusted_key=Signer.generate().public_key_pem())


def test_a_forger_with_a_key_of_his_own_cannot_pass_for_the_pinned_one(signer: Signer, receipt: Receipt) -> None:
    forger = Signer.generate()
    statement = receipt.statement()
    statement["predicate"]["purge"]["bytesNonzero"] = 0
    forged = to_json([receipt.envelopes[0], forger.sign(statement)], signer.public_key_pem())
    with pytest.raises(InvalidReceiptError):
        verify(forged)
    claimed = forger.sign(statement)
    claimed["signatures"][0]["keyid"] = signer.key_id
    with pytest.raises(InvalidReceiptError, match="signature"):
        verify(to_json([receipt.envelopes[0], claimed], signer.public_key_pem()))


def _edit(statement: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        statement = statement[int(name)] if isinstance(statement, list) else statement[name]
    statement[last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("subject.0.name", "req-other", "digest"),
        ("predicate.opened.sha256", "00" * 32, "another OPEN"),
        ("predicate.gate", "other", "differ in gate"),
        ("predicate.sequence", 8, "differ in sequence"),
        ("predicate.sequence", True, "predicate.sequence"),
        ("predicate.closedAt", "2026-03-04T05:06:06.000Z", "before it was opened"),
        ("predicate.closedAt", "yesterday", "closedAt"),
        ("predicate.closedAt", "2026-13-04T05:06:08.000Z", "closedAt"),
        ("predicate.closedAt", "2026-03-04T05:06:08.00٠Z", "closedAt"),
        ("predicate.sequence", 0, "predicate.sequence"),
        ("predicate.purge.bytesNonzero", False, "purge.bytesNonzero"),
        ("predicate.child.end", "\x1b[31mfine", "child.end"),
        ("predicate.child.end", "fine\nkept", "child.end"),
        ("predicate.error", "the face at (3, 4)", "error"),
        ("subject.0.name", "\ud800", "name"),
        ("predicate.outcome", "perfect", "outcome"),
        ("predicate.outcome", "purge-failed", "does not fit"),
        ("predicate.purge.bytesNonzero", 5, "does not fit"),
        ("predicate.purge.bytesNonzero", 101, "do not fit each other"),
        ("predicate.purge.bytesReread", 0, "do not fit each other"),
        ("predicate.purge.bytesReread", 101, "do not fit each other"),
        ("predicate.purge.residuals", ["arena"], "does not fit"),
        ("predicate.purge.bytesWiped", -1, "bytesWiped"),
        ("predicate.purge.residuals", [1], "residuals"),
        ("predicate.error", 5, "error"),
        ("predicate.shared", None, "predicate.shared"),
        ("predicate.shared", [{}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"region": "DE"}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"partner": "Ad Network"}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"category": "geometry"}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"category": ["upload"]}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"count": 0}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"count": True}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"bytes": 0}], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"bytes": 1.5}], "predicate.shared"),
        ("predicate.shared", [ENTRY, ENTRY], "predicate.shared"),
        ("predicate.shared", [ENTRY | {"partner": "z"}, ENTRY], "predicate.shared"),
        ("predicate.extra", 1, "fields"),
        ("predicate.phase", "OPEN", "phase"),
        ("_type", "https://in-toto.io/Statement/v0.1", "_type"),
        ("predicateType", "urn:other", "predicateType"),
        ("extra", 1, "fields"),
    ],
)
def test_a_signed_lie_that_does_not_fit_is_refused(
    signer: Signer, receipt: Receipt, path: str, value: Any, words: str
) -> None:
    """Even the key's owner cannot make phases fit that do not."""
    statement = receipt.statement()
    _edit(statement, path, value)
    lie = to_json([receipt.envelopes[0], signer.sign(statement)], signer.public_key_pem())
    with pytest.raises(InvalidReceiptError, match=words):
        verify(lie)


def test_what_left_is_counted_by_partner_and_category(signer: Signer, receipt: Receipt) -> None:
    assert verify(receipt).shared == ()
    assert verify(open_receipt(opened(), signer), allow_open=True).shared is None
    left = tuple(Shared(**ENTRY | {"category": category}) for category in ("request-data", "upload"))  # type: ignore[arg-type]
    said = open_receipt(opened(), signer).close(closed(shared=left), signer)
    assert verify(said).shared == left
    assert said.statement()["predicate"]["shared"] == [ENTRY | {"category": "request-data"}, ENTRY]


def test_what_was_not_read_back_is_a_failed_purge_and_verifies_as_one(signer: Signer) -> None:
    report = PurgeReport(bytes_wiped=100, bytes_reread=60, bytes_nonzero=40, residuals=["arena"])
    failed = open_receipt(opened(), signer).close(closed(outcome="purge-failed", purge=report), signer)
    assert verify(failed).purge == PurgeReport(bytes_wiped=100, bytes_reread=60, bytes_nonzero=40, residuals=("arena",))


def test_a_signed_statement_in_another_form_is_refused(signer: Signer, receipt: Receipt) -> None:
    """Whitespace and doubled fields inside the payload are signed too, and still refused."""
    from facegate.receipt import envelope

    payload = base64.b64decode(receipt.envelopes[1]["payload"])
    for other, words in (
        (payload + b"\n", "canonical form"),
        (payload.replace(b'"error":null', b'"error":"Lie","error":null'), "field twice"),
    ):
        assert other != payload
        sig = signer._key.sign(pre_authentication_encoding(other))
        written = receipt.envelopes[1] | {
            "payload": base64.b64encode(other).decode(),
            "signatures": [{"keyid": signer.key_id, "sig": base64.b64encode(sig).decode()}],
        }
        key = envelope.load_public_key(signer.public_key_pem())
        assert envelope.check(written, key) == other, "the signature itself must be good"
        with pytest.raises(InvalidReceiptError, match=words):
            verify(to_json([receipt.envelopes[0], written], signer.public_key_pem()))


def test_a_receipt_that_went_through_a_database_verifies(receipt: Receipt) -> None:
    """A JSON column keeps neither order nor whitespace."""

    def reordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: reordered(value[name]) for name in sorted(value, reverse=True)}
        return [reordered(each) for each in value] if isinstance(value, list) else value

    stored = reordered(json.loads(receipt.to_json()))
    assert verify(stored) == verify(receipt)
    assert Receipt.from_json(receipt.to_json().encode()) == receipt
    for change in ({"extra": 1}, {"mediaType": "other"}, {"envelopes": 5}, {"publicKey": "\ud800"}, {"envelopes": [5]}):
        with pytest.raises(InvalidReceiptError):
            verify(stored | change)
    stored["envelopes"][0]["payload"] *= 1000
    with pytest.raises(InvalidReceiptError, match="larger"):
        verify(stored)


@pytest.mark.parametrize("thing", [None, 5, [], object(), "\ud800"])
def test_what_is_no_receipt_at_all_is_refused(thing: Any) -> None:
    with pytest.raises(InvalidReceiptError):
        verify(thing)
    with pytest.raises(InvalidReceiptError):
        Receipt.from_json(thing)


def test_a_receipt_cannot_be_changed_through_what_it_hands_out(receipt: Receipt) -> None:
    receipt.envelopes[0]["payload"] = ""
    receipt.statement()["predicate"]["outcome"] = "perfect"
    assert verify(receipt).outcome == "finished"
    assert len({receipt, Receipt.from_json(receipt.text)}) == 1


@pytest.mark.parametrize("purpose", ["", "two\nlines", "\x1b[2J", "\u202egnp.exe"])
def test_what_would_not_verify_is_not_signed(signer: Signer, purpose: str) -> None:
    with pytest.raises(ReceiptError, match="purpose"):
        open_receipt(opened(purpose=purpose), signer)


def test_times_need_a_zone_and_errors_are_class_names(signer: Signer) -> None:
    with pytest.raises(ReceiptError, match="time zone"):
        open_receipt(opened(opened_at=datetime(2026, 3, 4)), signer)
    odd = open_receipt(opened(), signer).close(closed(outcome="exception", error="face at (3, 4)"), signer)
    assert verify(odd).error == "Exception"


def test_an_unchecked_receipt_prints_without_harm(signer: Signer, receipt: Receipt) -> None:
    statement = receipt.statement()
    statement["predicate"]["child"]["end"] = "\x1b]0;title\x07\nreceipt of req-7f3a: finished"
    printed = str(Receipt(to_json([receipt.envelopes[0], signer.sign(statement)], signer.public_key_pem())))
    assert printed.isprintable()
    del statement["predicate"]["purge"]
    broken = Receipt(to_json([receipt.envelopes[0], signer.sign(statement)], signer.public_key_pem()))
    assert str(broken) == "receipt that cannot be read"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"envelopes"', '"envelopes": [], "envelopes"', 1),
        lambda text: text.replace("\n", "", 1),
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.replace("v1+json", "v2+json"),
        lambda text: text.replace("/", "\\/"),
        lambda text: "[" + text + "]",
        lambda _: "{}",
        lambda _: "",
        lambda _: "[" * 100_000,
        lambda _: " " * (1 << 19),
        lambda text: text[:-10],
    ],
)
def test_a_file_in_any_other_form_is_refused(receipt: Receipt, change: Callable[[str], str]) -> None:
    with pytest.raises(InvalidReceiptError):
        verify(change(receipt.to_json()))


def test_phases_cannot_be_swapped_doubled_or_taken_from_another_request(signer: Signer, receipt: Receipt) -> None:
    other = open_receipt(opened(request_id="req-2", sequence=8), signer).close(closed(), signer)
    first, second = receipt.envelopes
    for envelopes in (
        [second, first],
        [first, first],
        [second],
        [first, second, second],
        [first, other.envelopes[1]],
        [],
    ):
        with pytest.raises(InvalidReceiptError):
            verify(to_json(envelopes, signer.public_key_pem()), allow_open=True)


def test_close_of_another_request_of_the_same_gate_is_refused(signer: Signer, receipt: Receipt) -> None:
    """Its digest of OPEN and its number fit; its subject, with a right digest of its own, does not."""
    statement = receipt.statement()
    statement["subject"] = [{"name": "req-other", "digest": {"sha256": hashlib.sha256(b"req-other").hexdigest()}}]
    with pytest.raises(InvalidReceiptError, match="different requests"):
        verify(to_json([receipt.envelopes[0], signer.sign(statement)], signer.public_key_pem()))


def test_closing_twice_or_with_another_key_is_refused(signer: Signer, receipt: Receipt) -> None:
    with pytest.raises(ReceiptError, match="closed already"):
        receipt.close(closed(), signer)
    with pytest.raises(ReceiptError, match="key that opened"):
        open_receipt(opened(), signer).close(closed(), Signer.generate())


def test_keys(signer: Signer) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = Ed25519PrivateKey.generate()
    loaded = Signer.from_pem(key.private_bytes(*formats))
    assert loaded.key_id == Signer(key).key_id
    for bad in (b"", b"nonsense", ec.generate_private_key(ec.SECP256R1()).private_bytes(*formats)):
        with pytest.raises(ReceiptError):
            Signer.from_pem(bad)
    with pytest.raises(ReceiptError):
        pickle.dumps(signer)
    assert len(repr(signer)) < 50
    receipt = open_receipt(opened(), signer)
    with pytest.raises(ReceiptError, match="trusted key") as caught:
        verify(receipt, trusted_key=b"nonsense", allow_open=True)
    assert not isinstance(caught.value, InvalidReceiptError), "the caller's mistake is no verdict on the receipt"


def test_a_receipt_prints_as_one_line(signer: Signer, receipt: Receipt) -> None:
    assert str(receipt) == (
        "receipt of req-7f3a: finished at 2026-03-04T05:06:08.891Z; child killed at purge; "
        "100 bytes wiped, 100 read back, 0 not zero"
    )
    assert "open since" in repr(open_receipt(opened(), signer))
