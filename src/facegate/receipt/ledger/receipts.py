"""The receipts in a log: each envelope by itself, here or in other processes, and then the fit of the phases."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidLedgerError, InvalidReceiptError
from facegate.receipt import envelope
from facegate.receipt.ledger.entry import Entry, key_of
from facegate.receipt.verify import signed_statement


@dataclass(frozen=True, slots=True)
class Phase:
    """What one receipt entry says.

    Attributes:
        entry: its number.
        opened: SHA-256 of the request's OPEN payload, hex.
        closing: whether it is the CLOSE phase.
        request_id: of the request.
        gate: random ID of the gate.
        sequence: number of the request among the gate's.
        at: when it opened or closed, UTC.
        key: the key that signed, raw, base64.
    """

    entry: int
    opened: str
    closing: bool
    request_id: str
    gate: str
    sequence: int
    at: str
    key: str


class Written(NamedTuple):
    """What of a receipt entry is checked here; small, because it may be sent to another process."""

    entry: int
    phase: Literal["OPEN", "CLOSE"]
    opened: str
    key: str
    payload: str
    keyid: str
    sig: str

    @classmethod
    def of(cls, entry: Entry) -> Written:
        """Of an entry of that kind."""
        opened, key, payload, keyid, sig = map(entry.text, ("opened", "key", "payload", "keyid", "sig"))
        return cls(entry.index, "CLOSE" if entry.text("phase") == "CLOSE" else "OPEN", opened, key, payload, keyid, sig)


def check_receipt(written: Written) -> Phase:
    """Check signature, form and figures of an envelope.

    Raises:
        InvalidLedgerError: it does not hold; the message names the entry.
    """
    closing = written.phase == "CLOSE"
    sealed = {"payload": written.payload, "signatures": [{"keyid": written.keyid, "sig": written.sig}]}
    try:
        payload = envelope.check(sealed, cached_key(written.key))
        statement = signed_statement(payload, written.phase)
    except InvalidReceiptError as error:
        raise InvalidLedgerError(error.reason, entry=written.entry) from None
    said = statement["predicate"]
    if written.opened != (said["opened"]["sha256"] if closing else hashlib.sha256(payload).hexdigest()):
        raise InvalidLedgerError("it names another OPEN phase than its receipt does.", entry=written.entry)
    return Phase(
        written.entry,
        written.opened,
        closing,
        statement["subject"][0]["name"],
        said["gate"],
        said["sequence"],
        said["closedAt" if closing else "openedAt"],
        written.key,
    )


@lru_cache(maxsize=64)
def cached_key(text: str) -> Ed25519PublicKey:
    """The public key that an entry holds; a log has few, and each is asked for by many entries."""
    return key_of(text)


class Requests:
    """The requests of a log, by their phases.

    Attributes:
        open: OPEN phases whose CLOSE did not come yet, by the digest of the OPEN payload.
    """

    def __init__(self) -> None:
        self.open: dict[str, Phase] = {}
        self._numbers: set[tuple[str, int]] = set()

    def add(self, phase: Phase) -> None:
        """Add one phase, in the order of the log.

        A CLOSE whose OPEN was not added is let pass: the chain knows that there was one; it is out of the range.

        Raises:
            InvalidLedgerError: it does not fit its OPEN phase, or two requests have one number.
        """
        if not phase.closing:
            number = phase.gate, phase.sequence
            if number in self._numbers:
                raise InvalidLedgerError("the gate had a request of that number before.", entry=phase.entry)
            self._numbers.add(number)
            self.open[phase.opened] = phase
            return
        opening = self.open.pop(phase.opened, None)
        if opening is None:
            return
        for name in ("request_id", "gate", "sequence", "key"):
            if getattr(opening, name) != getattr(phase, name):
                raise InvalidLedgerError(
                    f"it differs in {name.replace('_', ' ')} from the OPEN phase in entry {opening.entry}.",
                    entry=phase.entry,
                )
        if datetime.fromisoformat(phase.at) < datetime.fromisoformat(opening.at):
            raise InvalidLedgerError("the request was closed before it was opened.", entry=phase.entry)
