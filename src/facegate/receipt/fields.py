"""Which fields a receipt has, and what each may hold: verify accepts these, and the gate signs no others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from facegate.categories import CATEGORIES
from facegate.errors import InvalidReceiptError
from facegate.receipt.envelope import PAYLOAD_TYPE
from facegate.receipt.statement import PREDICATE_TYPE, STATEMENT_TYPE, Outcome
from facegate.showable import is_showable

Phase: TypeAlias = Literal["OPEN", "CLOSE"]
# A field's check says whether its value is right; it must not raise, whatever JSON holds.
Form: TypeAlias = "dict[str, Callable[[Any], bool] | Form]"


def check_fields(value: Any, form: Form, where: str) -> None:
    """Check that an object has exactly these fields, each as its check wants it.

    Raises:
        InvalidReceiptError: it does not; the message names the field, never its value.
    """
    if not isinstance(value, dict) or set(value) != set(form):
        raise InvalidReceiptError(f"The receipt's {where} does not have the fields that it must have.")
    for name, check in form.items():
        if isinstance(check, dict):
            check_fields(value[name], check, f"{where}.{name}")
        elif not check(value[name]):
            raise InvalidReceiptError(f"The receipt's {where}.{name} is not what it must be.")


def check_statement(statement: dict[str, Any], phase: Phase) -> None:
    """Check one phase's in-toto Statement by itself.

    Raises:
        InvalidReceiptError: a field is missing, too much, or not what it must be.
    """
    check_saying(statement, PREDICATE_TYPE, _PREDICATES[phase])


def check_saying(statement: Any, predicate_type: str, predicate: Form) -> None:
    """Check an in-toto Statement about one subject, whose predicate is of this type and has these fields.

    Raises:
        InvalidReceiptError: a field is missing, too much, or not what it must be.
    """
    check_fields(statement, _STATEMENT, "statement")
    if statement["predicateType"] != predicate_type:
        raise InvalidReceiptError("The receipt's statement.predicateType is not what it must be.")
    (subject,) = statement["subject"]
    check_fields(subject, _SUBJECT, "subject")
    if subject["digest"]["sha256"] != hashlib.sha256(subject["name"].encode()).hexdigest():
        raise InvalidReceiptError("The subject's digest is not that of its name.")
    check_fields(statement["predicate"], predicate, "predicate")


def _just(expected: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value == expected


def _hex(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _time(value: Any) -> bool:
    if not isinstance(value, str) or re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z", value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0  # a bool is an int to isinstance


def _name_of_error(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.isidentifier())


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_showable, value))


def _fits(value: Any, form: Form) -> bool:
    try:
        check_fields(value, form, "")
    except InvalidReceiptError:
        return False
    return True


def _models(value: Any) -> bool:
    return isinstance(value, dict) and all(is_showable(name) and _fits(each, _SHA256) for name, each in value.items())


def _protections(value: Any) -> bool:
    return isinstance(value, list) and all(map(_protection, value))


def _protection(value: Any) -> bool:
    # By hand: a receipt has twenty of these, and a ledger many receipts.
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "state", "detail"}
        and is_showable(value["name"])
        and isinstance(value["state"], str)
        and value["state"] in {"achieved", "unavailable", "waived"}
        and (value["detail"] == "" or is_showable(value["detail"]))
    )


def _shared(value: Any) -> bool:
    if not isinstance(value, list) or not all(_fits(each, _SHARED) for each in value):
        return False
    pairs = [(each["partner"], each["category"]) for each in value]
    return pairs == sorted(set(pairs))


def _partner(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,63}", value) is not None


def _one(form: Form) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) == 1 and _fits(value[0], form)


_SHA256: Final[Form] = {"sha256": _hex}
_SHARED: Final[Form] = {
    "partner": _partner,
    "category": lambda value: isinstance(value, str) and value in CATEGORIES,
    "count": lambda value: _count(value) and value > 0,
    "bytes": lambda value: _count(value) and value > 0,
}
_SUBJECT: Final[Form] = {"name": is_showable, "digest": _SHA256}
_STATEMENT: Final[Form] = {
    "_type": _just(STATEMENT_TYPE),
    "subject": lambda value: isinstance(value, list) and len(value) == 1,
    "predicateType": is_showable,
    "predicate": lambda value: isinstance(value, dict),
}
_PREDICATES: Final[dict[str, Form]] = {
    "OPEN": {
        "phase": _just("OPEN"),
        "gate": is_showable,
        "sequence": lambda value: _count(value) and value > 0,
        "purpose": is_showable,
        "openedAt": _time,
        "policy": _SHA256,
        "rules": _SHA256,
        "models": _models,
        "level": is_showable,
        "protections": _protections,
    },
    "CLOSE": {
        "phase": _just("CLOSE"),
        "gate": is_showable,
        "sequence": lambda value: _count(value) and value > 0,
        "opened": _SHA256,
        "closedAt": _time,
        "outcome": lambda value: isinstance(value, str) and value in get_args(Outcome),
        "error": _name_of_error,
        "child": {"end": is_showable},
        "purge": {"bytesWiped": _count, "bytesReread": _count, "bytesNonzero": _count, "residuals": _texts},
        "shared": _shared,
    },
}
ENVELOPE: Final[Form] = {
    "payloadType": _just(PAYLOAD_TYPE),
    "payload": is_showable,
    "signatures": _one({"keyid": _hex, "sig": is_showable}),
}
