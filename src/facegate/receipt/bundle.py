"""A receipt as it is kept: the envelopes of its phases and the public key, in one JSON file."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from facegate.errors import ReceiptError
from facegate.receipt.envelope import Signer, decode
from facegate.receipt.statement import Closed, Opened, close_statement, open_statement

MEDIA_TYPE: Final = "application/vnd.facegate.receipt.v1+json"


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """One request's receipt: OPEN alone while the request runs, OPEN and CLOSE afterwards. Immutable.

    It is not checked by existing: `facegate.verify` checks it.

    Attributes:
        envelopes: DSSE envelopes, OPEN first.
        public_key: PEM of the key that signed them.
    """

    envelopes: tuple[dict[str, Any], ...]
    public_key: bytes

    @property
    def phase(self) -> Literal["OPEN", "CLOSE"]:
        """Whether the request still runs as far as this receipt knows."""
        return "OPEN" if len(self.envelopes) == 1 else "CLOSE"

    def statement(self) -> dict[str, Any]:
        """The latest phase's in-toto Statement, not verified."""
        statement: dict[str, Any] = json.loads(base64.b64decode(self.envelopes[-1]["payload"]))
        return statement

    def close(self, closed: Closed, signer: Signer) -> Receipt:
        """The receipt with its second phase added.

        Raises:
            ReceiptError: it has one already, or the key is another.
        """
        if self.phase != "OPEN":
            raise ReceiptError("The receipt is closed already.")
        if signer.public_key_pem() != self.public_key:
            raise ReceiptError("A receipt is closed with the key that opened it.")
        payload = decode(self.envelopes[0]["payload"])
        envelope = signer.sign(close_statement(payload, json.loads(payload), closed))
        return Receipt((*self.envelopes, envelope), self.public_key)

    def to_json(self) -> str:
        """The file's content."""
        return to_json(self.envelopes, self.public_key)

    def __str__(self) -> str:
        statement = self.statement()
        predicate, name = statement["predicate"], statement["subject"][0]["name"]
        if self.phase == "OPEN":
            return f"receipt of {name}: open since {predicate['openedAt']}, level {predicate['level']}"
        purge = predicate["purge"]
        return (
            f"receipt of {name}: {predicate['outcome']} at {predicate['closedAt']}; child {predicate['child']['end']}; "
            f"{purge['bytesWiped']} bytes wiped, {purge['bytesReread']} read back, {purge['bytesNonzero']} not zero"
        )

    __repr__ = __str__


def open_receipt(opened: Opened, signer: Signer) -> Receipt:
    """Sign the first phase."""
    return Receipt((signer.sign(open_statement(opened)),), signer.public_key_pem())


def to_json(envelopes: Sequence[dict[str, Any]], public_key: bytes) -> str:
    """A bundle in its one written form: verify refuses any other, so nothing can be smuggled in between."""
    bundle = {"mediaType": MEDIA_TYPE, "publicKey": public_key.decode(), "envelopes": list(envelopes)}
    return json.dumps(bundle, indent=2) + "\n"
