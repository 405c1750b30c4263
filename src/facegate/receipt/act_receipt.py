"""The receipt of an act: its envelope and the public key, in one JSON file that has one written form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from facegate.errors import InvalidReceiptError
from facegate.receipt import envelope as dsse
from facegate.receipt.act import Act, check_act, sign_act
from facegate.receipt.envelope import Signer
from facegate.receipt.fields import ENVELOPE, check_fields
from facegate.receipt.form import in_order, parse_as

ACT_MEDIA_TYPE: Final = "application/vnd.facegate.act.v1+json"
# An act's receipt has 1 KB, and 8 if its texts are as long as they can be and none of their characters is ASCII.
_MAX_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class ActReceipt:
    """What is handed out to show that an act was done. Immutable.

    It is not checked by existing: `facegate.verify_act` checks it.

    Attributes:
        text: the file's content, which is all there is to it.
    """

    text: str

    @classmethod
    def of(cls, act: Act, signer: Signer) -> Self:
        """The receipt of an act, signed. `Ledger.record` returns that of an act which it recorded."""
        return cls.around(sign_act(act, signer), signer.public_key_pem())

    @classmethod
    def around(cls, envelope: Mapping[str, Any], public_key: bytes) -> Self:
        """The receipt of an act that was signed before; it is not checked.

        Args:
            envelope: what `sign_act` made.
            public_key: PEM of the key that signed.
        """
        return cls(_to_json((dict(envelope), public_key)))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A receipt from its file's content. Its form is checked, its signature is not.

        Raises:
            InvalidReceiptError: the form is not that of an act's receipt.
        """
        return cls(_to_json(_parse(text)))

    @property
    def envelope(self) -> dict[str, Any]:
        """The DSSE envelope; a copy."""
        found: dict[str, Any] = json.loads(self.text)["envelope"]
        return found

    @property
    def public_key(self) -> bytes:
        """PEM of the key that is said to have signed."""
        pem: str = json.loads(self.text)["publicKey"]
        return pem.encode()

    def to_json(self) -> str:
        """The file's content."""
        return self.text

    def __repr__(self) -> str:
        return f"ActReceipt({len(self.text)} characters, not verified by existing)"


def verify_act(
    receipt: str | bytes | Mapping[str, Any] | ActReceipt,
    *,
    trusted_key: bytes | None = None,
) -> Act:
    """Check the receipt of an act: form, key, signature, and every field of what it says.

    Args:
        receipt: the file's content, what a JSON parser or a database made of it, or the object.
        trusted_key: PEM of the public key that must have signed it. Without one the key in the file is used, which
            shows that the receipt is intact, not who made it.

    Raises:
        InvalidReceiptError: a check failed; the message says which.
        ReceiptError: `trusted_key` is no Ed25519 public key, which says nothing about the receipt.

    Does not protect against: whoever holds the signing key; a receipt is the worker's word, made tamper-evident. That
    the act is on a ledger, `facegate.receipt.ledger.acts` says.
    """
    trusted = None if trusted_key is None else dsse.trusted_key(trusted_key)
    envelope, pem = _parse(receipt.text if isinstance(receipt, ActReceipt) else receipt)
    key = dsse.load_public_key(pem)
    if dsse.public_pem(key) != pem:
        raise InvalidReceiptError("The public key is not in the form in which receipts hold it.")
    if trusted is not None and trusted.public_bytes_raw() != key.public_bytes_raw():
        raise InvalidReceiptError("The receipt was signed with another key than the trusted one.")
    return check_act(envelope, key)


def _parse(receipt: str | bytes | Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    return parse_as(receipt, _content, _to_json, _MAX_BYTES)


def _content(content: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    match content:
        case {"mediaType": kind, "publicKey": str(pem), "envelope": envelope} if (
            kind == ACT_MEDIA_TYPE and pem.isascii() and len(content) == 3
        ):
            check_fields(envelope, ENVELOPE, "envelope")
            return envelope, pem.encode()
    raise InvalidReceiptError("The file is no receipt of an act of this version.")


def _to_json(found: tuple[Mapping[str, Any], bytes]) -> str:
    envelope, pem = found
    whole = {"mediaType": ACT_MEDIA_TYPE, "publicKey": pem.decode(), "envelope": in_order(envelope)}
    return json.dumps(whole, indent=2) + "\n"
