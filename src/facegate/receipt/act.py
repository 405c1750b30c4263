"""An act on what is kept: who did what, why, when and to how much of it, signed. Nothing in it comes from the person.

The form is that of receipts: an in-toto Statement in a DSSE envelope, with a predicate of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidReceiptError, ReceiptError
from facegate.receipt import envelope as dsse
from facegate.receipt.envelope import Signer
from facegate.receipt.fields import ENVELOPE, Form, check_fields, check_saying
from facegate.receipt.form import load
from facegate.receipt.statement import statement_of, timestamp
from facegate.rules.names import NAME
from facegate.showable import is_showable

PREDICATE_TYPE: Final = "urn:facegate:act:v1"

ActWord: TypeAlias = Literal[
    "put",  # assets were taken in
    "read",  # opened, by a caller of the store
    "listed",  # named, without their content
    "deleted",  # their keys were destroyed
    "held",  # kept from deletion until released
    "released",  # from a hold
    "corrected",  # what is noted about them was changed
    "settings",  # of the store were changed
    "exported",  # handed out to the person or to whom they named
    "accessed",  # the person was told what is kept
    "restricted",  # not to be used any more, and not deleted
    "unrestricted",  # to be used again
    "objected",  # the person objected to a use
    "withdrawn",  # the person withdrew consent
    "rotated",  # they were put under another key
    "repaired",  # what a crash left half done was put right
    "swept",  # those whose time was over were looked for
]
ACTS: Final[tuple[ActWord, ...]] = get_args(ActWord)

_MOST_TEXT: Final = 128
# Whole numbers up to here are the same in every JSON parser, those that make doubles of them too (RFC 8259, 6).
_MOST: Final = 2**53 - 1
_HEX: Final = re.compile(r"[0-9a-f]{32}")


def _is_text(value: Any) -> bool:
    return is_showable(value) and len(value) <= _MOST_TEXT


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST  # a bool is an int to isinstance


def _is_time(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # A moment has one written form, so what two parsers might read in two ways is refused.
        return timestamp(datetime.fromisoformat(value)) == value
    except (ValueError, OverflowError, ReceiptError):
        return False


_TEXT: Final = f"a text of at most {_MOST_TEXT} characters, without control characters"
_ID: Final = "32 hexadecimal digits in lower case"
_NUMBER: Final = "a whole number from 0 to 2**53 - 1"
# What each field may hold, and the same in words. There is none for a person, a label or any content.
_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "act": (lambda value: isinstance(value, str) and value in ACTS, "one of the words in ACTS"),
    "who": (_is_text, _TEXT),
    "why": (
        lambda value: isinstance(value, str) and NAME.fullmatch(value) is not None,
        "a name: up to 64 small letters, digits and hyphens, the first a letter",
    ),
    "count": (_is_number, _NUMBER),
    "bytes": (_is_number, _NUMBER),
    "store": (_is_id, _ID),
    "asset": (lambda value: value is None or _is_id(value), f"{_ID}, or None"),
    "request": (lambda value: value is None or _is_text(value), f"{_TEXT}, or None"),
    "demand": (lambda value: value is None or _is_id(value), f"{_ID}, or None"),
    "kept": (_is_number, _NUMBER),
}
_PREDICATE: Final[Form] = {"at": _is_time, **{name: check for name, (check, _) in _RULES.items()}}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Act:
    """One thing that was done with what a store keeps. It has no field for a person, a label or any content.

    Attributes:
        act: what was done, one of `ACTS`.
        who: did it, as the caller says: an account, a role, a service; not the person whom the media show. 1 to 128
            characters.
        why: the purpose or the reason, a name as in a media policy.
        at: when; it has a time zone, and is held in UTC, to the millisecond.
        count: assets that it was done to.
        bytes: of content that they have together.
        store: random ID of the store, 32 hexadecimal digits.
        asset: random ID of the asset, if it was one.
        request: ID of the request that it was done in, if it was; 1 to 128 characters.
        demand: random number of the rights request that it answers, if it does.
        kept: assets that it was not done to, because of a hold or because the law keeps them.

    Raises:
        ReceiptError: a field is not what it must be; the message names the field, never its value.

    Does not protect against: a caller that puts a person's name where `who` or `request` is asked for.
    """

    act: ActWord
    who: str
    why: str
    at: datetime
    count: int
    bytes: int
    store: str
    asset: str | None = None
    request: str | None = None
    demand: str | None = None
    kept: int = 0

    def __post_init__(self) -> None:
        for name, (check, words) in _RULES.items():
            if not check(getattr(self, name)):
                raise ReceiptError(f"An act's {name} must be {words}.")
        object.__setattr__(self, "at", _to_the_millisecond(self.at))

    def to_dict(self) -> dict[str, Any]:
        """All fields as they are signed: a value for JSON, `at` in RFC 3339."""
        return {name: getattr(self, name) for name in _RULES} | {"at": timestamp(self.at)}

    def __repr__(self) -> str:
        # Without who, request and IDs, which may lead to somebody: a repr ends up in logs.
        return f"Act({self.act!r}, count={self.count}, bytes={self.bytes}, kept={self.kept}, at={timestamp(self.at)})"


def sign_act(act: Act, signer: Signer) -> dict[str, Any]:
    """The DSSE envelope around what the act says."""
    return signer.sign(statement_of(_subject(act), PREDICATE_TYPE, act.to_dict()))


def check_act(envelope: Mapping[str, Any], key: Ed25519PublicKey) -> Act:
    """The act in an envelope that this key signed.

    Raises:
        InvalidReceiptError: form, signature or a field is not what it must be; the message says which.
    """
    check_fields(dict(envelope) if isinstance(envelope, Mapping) else envelope, ENVELOPE, "envelope")
    return signed_act(dsse.check(dict(envelope), key))


def signed_act(payload: bytes) -> Act:
    """The act in the bytes that were signed.

    Raises:
        InvalidReceiptError: they are not in the form of an act.
    """
    try:
        statement: dict[str, Any] = json.loads(payload.decode())
    except (ValueError, RecursionError):
        raise InvalidReceiptError("The receipt is no JSON.") from None
    check_saying(statement, PREDICATE_TYPE, _PREDICATE)
    if dsse.canonical(statement) != payload:
        load(payload)  # says if a field comes twice, which takes as long as all else here
        raise InvalidReceiptError("The signed statement is not in canonical form.")
    said = statement["predicate"]
    act = Act(**said | {"at": datetime.fromisoformat(said["at"])})
    if statement["subject"][0]["name"] != _subject(act):
        raise InvalidReceiptError("The subject is not what the act was done to.")
    return act


def _subject(act: Act) -> str:
    return act.asset or act.demand or act.store


def _to_the_millisecond(at: Any) -> datetime:
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ReceiptError("An act's at must be a datetime with a time zone.")
    try:
        # As it is written, so that an act that was read equals the one that was signed.
        return datetime.fromisoformat(timestamp(at))
    except (ValueError, OverflowError):
        raise ReceiptError("An act's at must be a time in the years 1 to 9999, UTC.") from None
