"""Check a receipt: every byte of it is either signed or in the one form that it can have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from facegate.errors import InvalidReceiptError
from facegate.protections import Protection
from facegate.receipt import envelope
from facegate.receipt.bundle import Receipt
from facegate.receipt.fields import Phase, check_statement
from facegate.receipt.form import load, parse
from facegate.receipt.statement import PurgeReport, Shared

_PHASES: Final[tuple[Phase, Phase]] = ("OPEN", "CLOSE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a receipt says, after every check passed.

    Attributes:
        request_id: of the request.
        purpose: that it was opened for.
        level: protection level achieved.
        protections: every protection as it was, the missing and the waived among them.
        outcome: how it ended; None while it is open.
        error: class name of the error that ended it, or None.
        child_end: how the child ended; None while it is open.
        purge: what was wiped; None while it is open.
        shared: what left for partners; None while it is open.
        opened_at: UTC.
        closed_at: UTC, or None.
        key_id: SHA-256 of the public key that signed.
        pinned: whether the caller named that key. If not, the receipt is intact, but anybody may have made it.
        statements: the in-toto Statements, OPEN first.
    """

    request_id: str
    purpose: str
    level: str
    protections: tuple[Protection, ...]
    outcome: str | None
    error: str | None
    child_end: str | None
    purge: PurgeReport | None
    shared: tuple[Shared, ...] | None
    opened_at: str
    closed_at: str | None
    key_id: str
    pinned: bool
    statements: tuple[dict[str, Any], ...]


def verify(
    receipt: str | bytes | Mapping[str, Any] | Receipt,
    *,
    trusted_key: bytes | None = None,
    allow_open: bool = False,
) -> Verified:
    """Check a receipt's form, signatures and the fit of its phases.

    Args:
        receipt: the file's content, what a JSON parser or a database made of it, or the object.
        trusted_key: PEM of the public key that must have signed it. Without one the key in the file is used, which
            shows that the receipt is intact, not who made it.
        allow_open: accept a receipt whose request never closed.

    Raises:
        InvalidReceiptError: a check failed; the message says which.
        ReceiptError: `trusted_key` is no Ed25519 public key, which says nothing about the receipt.

    Does not protect against: whoever holds the signing key; a receipt is the worker's word, made tamper-evident.
    """
    trusted = None if trusted_key is None else envelope.trusted_key(trusted_key)
    envelopes, pem = parse(receipt.text if isinstance(receipt, Receipt) else receipt)
    key = envelope.load_public_key(pem)
    if envelope.public_pem(key) != pem:
        raise InvalidReceiptError("The public key is not in the form in which receipts hold it.")
    if trusted is not None and trusted.public_bytes_raw() != key.public_bytes_raw():
        raise InvalidReceiptError("The receipt was signed with another key than the trusted one.")
    payloads = [envelope.check(each, key) for each in envelopes]
    statements = [signed_statement(payload, phase) for payload, phase in zip(payloads, _PHASES, strict=False)]
    opened = statements[0]["predicate"]
    closed = statements[1]["predicate"] if len(statements) == 2 else None
    if closed is None and not allow_open:
        raise InvalidReceiptError("The request was opened but never closed.")
    if closed is not None:
        _check_pair(payloads[0], statements)
    purge = closed and closed["purge"]
    return Verified(
        request_id=statements[0]["subject"][0]["name"],
        purpose=opened["purpose"],
        level=opened["level"],
        protections=tuple(Protection(**each) for each in opened["protections"]),
        outcome=closed and closed["outcome"],
        error=closed and closed["error"],
        child_end=closed and closed["child"]["end"],
        purge=purge
        and PurgeReport(
            bytes_wiped=purge["bytesWiped"],
            bytes_reread=purge["bytesReread"],
            bytes_nonzero=purge["bytesNonzero"],
            residuals=tuple(purge["residuals"]),
        ),
        shared=closed and tuple(Shared(**each) for each in closed["shared"]),
        opened_at=opened["openedAt"],
        closed_at=closed and closed["closedAt"],
        key_id=envelope.key_id(key),
        pinned=trusted_key is not None,
        statements=tuple(statements),
    )


def signed_statement(payload: bytes, phase: Phase) -> dict[str, Any]:
    """One phase's Statement out of the bytes that were signed.

    Raises:
        InvalidReceiptError: it is not in its right form, or its figures do not fit each other.
    """
    try:
        statement: dict[str, Any] = json.loads(payload.decode())
    except (ValueError, RecursionError):
        raise InvalidReceiptError("The receipt is no JSON.") from None
    check_statement(statement, phase)
    # Signed bytes have one form too, so that no two parsers can read two things out of them.
    if envelope.canonical(statement) != payload:
        load(payload)  # looks at every field, which takes as long as all else here, and says if one comes twice
        raise InvalidReceiptError("The signed statement is not in canonical form.")
    if phase == "CLOSE":
        _check_purge(statement["predicate"]["outcome"], statement["predicate"]["purge"])
    return statement


def _check_pair(open_payload: bytes, statements: list[dict[str, Any]]) -> None:
    first, second = (statement["predicate"] for statement in statements)
    if second["opened"]["sha256"] != hashlib.sha256(open_payload).hexdigest():
        raise InvalidReceiptError("The CLOSE phase belongs to another OPEN phase.")
    for name in ("gate", "sequence"):
        if first[name] != second[name]:
            raise InvalidReceiptError(f"The two phases differ in {name}.")
    if statements[0]["subject"] != statements[1]["subject"]:
        raise InvalidReceiptError("The two phases are of different requests.")
    if datetime.fromisoformat(second["closedAt"]) < datetime.fromisoformat(first["openedAt"]):
        raise InvalidReceiptError("The request was closed before it was opened.")


def _check_purge(outcome: str, purge: Mapping[str, Any]) -> None:
    wiped, reread, nonzero = purge["bytesWiped"], purge["bytesReread"], purge["bytesNonzero"]
    # A byte that was not read back counts as not zero: nobody showed that it is.
    if not 0 <= wiped - reread <= nonzero <= wiped:
        raise InvalidReceiptError("The numbers of what purge read back do not fit each other.")
    if not (nonzero > 0) == bool(purge["residuals"]) == (outcome == "purge-failed"):
        raise InvalidReceiptError("The outcome does not fit what purge read back.")
