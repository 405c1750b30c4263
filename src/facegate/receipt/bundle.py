"""A receipt as it is kept: the envelopes of its phases and the public key, in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from facegate.errors import ReceiptError
from facegate.receipt.envelope import Signer, decode
from facegate.receipt.fields import check_statement
from facegate.receipt.form import load, parse, to_json
from facegate.receipt.statement import Closed, Opened, close_statement, open_statement


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """One request's receipt: OPEN alone while the request runs, OPEN and CLOSE afterwards. Immutable.

    It is not checked by existing: `facegate.verify` checks it.

    Attributes:
        text: the file's content, which is all there is to a receipt.
    """

    text: str

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A receipt from its file's content. Its form is checked, its signatures are not.

        Raises:
            InvalidReceiptError: the form is not that of a receipt.
        """
        return cls(to_json(*parse(text)))

    @property
    def envelopes(self) -> tuple[dict[str, Any], ...]:
        """The DSSE envelopes, OPEN first; copies."""
        return tuple(json.loads(self.text)["envelopes"])

    @property
    def public_key(self) -> bytes:
        """PEM of the key that is said to have signed."""
        pem: str = json.loads(self.text)["publicKey"]
        return pem.encode()

    @property
    def phase(self) -> Literal["OPEN", "CLOSE"]:
        """Whether the request still runs as far as this receipt knows."""
        return "OPEN" if len(self.envelopes) == 1 else "CLOSE"

    def statement(self) -> dict[str, Any]:
        """The latest phase's in-toto Statement, not verified.

        Raises:
            InvalidReceiptError: what was signed is no JSON object.
        """
        return load(decode(self.envelopes[-1]["payload"]))

    def close(self, closed: Closed, signer: Signer) -> Receipt:
        """The receipt with its second phase added.

        Raises:
            ReceiptError: it has one already, the key is another, or its first phase is none.
        """
        envelopes = self.envelopes
        if len(envelopes) != 1:
            raise ReceiptError("The receipt is closed already.")
        if signer.public_key_pem() != self.public_key:
            raise ReceiptError("A receipt is closed with the key that opened it.")
        payload = decode(envelopes[0]["payload"])
        opened = load(payload)
        check_statement(opened, "OPEN")
        envelope = signer.sign(close_statement(payload, opened, closed))
        return _written([*envelopes, envelope], signer)

    def to_json(self) -> str:
        """The file's content."""
        return self.text

    def __str__(self) -> str:
        # Anybody may have written what `from_json` read, so this must neither fail nor print its control characters.
        try:
            line = _line(self.statement())
        except (ReceiptError, ValueError, LookupError, TypeError):
            return "receipt that cannot be read"
        return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)

    __repr__ = __str__


def open_receipt(opened: Opened, signer: Signer) -> Receipt:
    """Sign the first phase.

    Raises:
        ReceiptError: a field is none that `facegate.verify` would accept.
    """
    statement = open_statement(opened)
    # Only OPEN: a receipt that cannot be opened stops the request before it begins, but purge must always end in one.
    check_statement(statement, "OPEN")
    return _written([signer.sign(statement)], signer)


def _written(envelopes: Sequence[dict[str, Any]], signer: Signer) -> Receipt:
    return Receipt(to_json(envelopes, signer.public_key_pem()))


def _line(statement: dict[str, Any]) -> str:
    predicate, name = statement["predicate"], statement["subject"][0]["name"]
    if predicate["phase"] == "OPEN":
        return f"receipt of {name}: open since {predicate['openedAt']}, level {predicate['level']}"
    purge = predicate["purge"]
    return (
        f"receipt of {name}: {predicate['outcome']} at {predicate['closedAt']}; child {predicate['child']['end']}; "
        f"{purge['bytesWiped']} bytes wiped, {purge['bytesReread']} read back, {purge['bytesNonzero']} not zero"
    )
