"""Check a receipt: every byte of it is either signed or in the one form that it can have."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidReceiptError
from facegate.receipt import bundle, envelope
from facegate.receipt.statement import PREDICATE_TYPE, STATEMENT_TYPE, Outcome, PurgeReport

MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a receipt says, after every check passed.

    Attributes:
        request_id: of the request.
        purpose: that it was opened for.
        level: protection level achieved.
        outcome: how it ended; None while it is open.
        error: class name of the error that ended it, or None.
        child_end: how the child ended; None while it is open.
        purge: what was wiped; None while it is open.
        opened_at: UTC.
        closed_at: UTC, or None.
        key_id: SHA-256 of the public key that signed.
        pinned: whether the caller named that key. If not, the receipt is intact, but anybody may have made it.
        statements: the in-toto Statements, OPEN first.
    """

    request_id: str
    purpose: str
    level: str
    outcome: str | None
    error: str | None
    child_end: str | None
    purge: PurgeReport | None
    opened_at: str
    closed_at: str | None
    key_id: str
    pinned: bool
    statements: tuple[dict[str, Any], ...]


def verify(
    receipt: str | bytes | bundle.Receipt, *, trusted_key: bytes | None = None, allow_open: bool = False
) -> Verified:
    """Check a receipt's form, signatures and the fit of its phases.

    Args:
        receipt: the file's content, or the object.
        trusted_key: PEM of the public key that must have signed it. Without one the key in the file is used, which
            shows that the receipt is intact, not who made it.
        allow_open: accept a receipt whose request never closed.

    Raises:
        InvalidReceiptError: a check failed; the message says which.
    """
    text = receipt.to_json() if isinstance(receipt, bundle.Receipt) else receipt
    envelopes, key = _parse(text)
    if trusted_key is not None:
        trusted = envelope.load_public_key(trusted_key)
        if not hmac.compare_digest(trusted.public_bytes_raw(), key.public_bytes_raw()):
            raise InvalidReceiptError("The receipt was signed with another key than the trusted one.")
    payloads = [envelope.check(each, key) for each in envelopes]
    statements = [_checked(_json(payload), phase) for payload, phase in zip(payloads, ("OPEN", "CLOSE"), strict=False)]
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
        opened_at=opened["openedAt"],
        closed_at=closed and closed["closedAt"],
        key_id=envelope.key_id(key),
        pinned=trusted_key is not None,
        statements=tuple(statements),
    )


def _parse(text: str | bytes) -> tuple[list[dict[str, Any]], Ed25519PublicKey]:
    if len(text) > MAX_BYTES:
        raise InvalidReceiptError("The receipt is larger than any receipt is.")
    data = text.encode() if isinstance(text, str) else text
    content = _json(data)
    match content:
        case {
            "mediaType": bundle.MEDIA_TYPE,
            "publicKey": str(pem),
            "envelopes": [dict(), *_] as envelopes,
        } if len(content) == 3 and len(envelopes) <= 2:
            pass
        case _:
            raise InvalidReceiptError("The file is no receipt of this version.")
    for each in envelopes:
        _match(each, _ENVELOPE, "envelope")
    # One written form: whitespace, order and escapes are not signed, so they must not be free.
    if bundle.to_json(envelopes, pem.encode()).encode() != data:
        raise InvalidReceiptError("The receipt is not in the form in which receipts are written.")
    key = envelope.load_public_key(pem.encode())
    if envelope.public_pem(key) != pem.encode():
        raise InvalidReceiptError("The public key is not in the form in which receipts hold it.")
    return envelopes, key


def _json(data: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise InvalidReceiptError("The receipt has a field twice.")
        return dict(pairs)

    try:
        content = json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise InvalidReceiptError("The receipt is no JSON.") from None
    if not isinstance(content, dict):
        raise InvalidReceiptError("The receipt is no JSON object.")
    return content


def _hex(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _time(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is not None


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _models(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, dict) and set(each) == {"sha256"} and _hex(each["sha256"]) for each in value.values()
    )


def _protections(value: Any) -> bool:
    states = {"achieved", "unavailable", "waived"}
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and set(each) == {"name", "state", "detail"}
        and _text(each["name"])
        and each["state"] in states
        and isinstance(each["detail"], str)
        for each in value
    )


_Check = Callable[[Any], bool]
_SHA256: Final[dict[str, Any]] = {"sha256": _hex}
_ENVELOPE: Final[dict[str, Any]] = {
    "payloadType": lambda value: value == envelope.PAYLOAD_TYPE,
    "payload": _text,
    "signatures": lambda value: (
        isinstance(value, list)
        and len(value) == 1
        and isinstance(value[0], dict)
        and set(value[0]) == {"keyid", "sig"}
        and _hex(value[0]["keyid"])
        and _text(value[0]["sig"])
    ),
}
_PREDICATES: Final[dict[str, dict[str, Any]]] = {
    "OPEN": {
        "phase": lambda value: value == "OPEN",
        "gate": _text,
        "sequence": _count,
        "purpose": _text,
        "openedAt": _time,
        "policy": _SHA256,
        "models": _models,
        "level": _text,
        "protections": _protections,
    },
    "CLOSE": {
        "phase": lambda value: value == "CLOSE",
        "gate": _text,
        "sequence": _count,
        "opened": _SHA256,
        "closedAt": _time,
        "outcome": lambda value: value in get_args(Outcome),
        "error": lambda value: value is None or _text(value),
        "child": {"end": _text},
        "purge": {"bytesWiped": _count, "bytesReread": _count, "bytesNonzero": _count, "residuals": _texts},
    },
}


def _match(value: Any, shape: dict[str, Any], where: str) -> None:
    """Check that an object has exactly these fields, each as its check wants it."""
    if not isinstance(value, dict) or set(value) != set(shape):
        raise InvalidReceiptError(f"The receipt's {where} does not have the fields that it must have.")
    for name, check in shape.items():
        if isinstance(check, dict):
            _match(value[name], check, f"{where}.{name}")
        elif not check(value[name]):
            raise InvalidReceiptError(f"The receipt's {where}.{name} is not what it must be.")


def _checked(statement: dict[str, Any], phase: str) -> dict[str, Any]:
    _match(
        statement,
        {
            "_type": lambda value: value == STATEMENT_TYPE,
            "subject": lambda value: isinstance(value, list) and len(value) == 1,
            "predicateType": lambda value: value == PREDICATE_TYPE,
            "predicate": lambda value: isinstance(value, dict),
        },
        "statement",
    )
    (subject,) = statement["subject"]
    _match(subject, {"name": _text, "digest": _SHA256}, "subject")
    if subject["digest"]["sha256"] != hashlib.sha256(subject["name"].encode()).hexdigest():
        raise InvalidReceiptError("The subject's digest is not that of the request ID.")
    _match(statement["predicate"], _PREDICATES[phase], "predicate")
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
    if (second["purge"]["bytesNonzero"] > 0) != (second["outcome"] == "purge-failed"):
        raise InvalidReceiptError("The outcome does not fit what purge read back.")
