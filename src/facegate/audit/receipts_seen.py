"""Takes down every receipt that gates of this process give, so that a missing one is noticed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from facegate.audit.evidence import Evidence
from facegate.errors import InvalidReceiptError
from facegate.gate import Gate
from facegate.receipt import Receipt, Verified, verify
from facegate.request import Request


@dataclass
class ReceiptsSeen:
    """A context: what requests that begin and end in its block are given.

    Attributes:
        opened: requests that were entered.
        begun: OPEN receipts.
        ended: CLOSE receipts, each with the public key of the gate that gave it, PEM.
    """

    opened: int = 0
    begun: list[Receipt] = field(default_factory=list)
    ended: list[tuple[Receipt, bytes]] = field(default_factory=list)
    _restore: list[Callable[[], None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        beginning, keeping = Request.begin, Gate._keep

        def begun(request: Request) -> None:
            beginning(request)
            self.opened += 1

        def kept(gate: Gate, receipt: Receipt) -> None:
            if receipt.phase == "CLOSE":
                self.ended.append((receipt, gate.signer.public_key_pem()))
            else:
                self.begun.append(receipt)
            keeping(gate, receipt)

        wrapped: tuple[tuple[type, str, object, object], ...] = (
            (Request, "begin", begun, beginning),
            (Gate, "_keep", kept, keeping),
        )
        for owner, name, replacement, original in wrapped:
            setattr(owner, name, replacement)
            self._restore.append(partial(setattr, owner, name, original))
        return self

    def __exit__(self, *_: object) -> None:
        while self._restore:
            self._restore.pop()()

    def verified(self) -> list[Verified]:
        """The CLOSE receipts that verify with the key of their gate."""
        found = []
        for receipt, key in self.ended:
            with suppress(InvalidReceiptError):
                found.append(verify(receipt, trusted_key=key))
        return found

    def evidence(self) -> tuple[Evidence, Evidence]:
        """Whether receipts are complete, and whether each says that its purge read back zeros."""
        verified = self.verified()
        nonzero = sum(each.purge.bytes_nonzero for each in verified if each.purge)
        reread = sum(each.purge.bytes_reread for each in verified if each.purge)
        whole = len(verified) == len(self.ended) == len(self.begun) >= self.opened
        control = "one with a character changed, which must be refused"
        refused = bool(self.ended) and forged_is_refused(*self.ended[-1])
        complete = Evidence(
            "Every request that was opened has an OPEN and a CLOSE receipt, which verifies with its gate's key.",
            whole if self.opened else None,
            f"{self.opened} requests opened in this process, {len(self.begun)} OPEN and {len(self.ended)} CLOSE "
            f"receipts, {len(verified)} verified",
            control,
            refused,
        )
        zeros = Evidence(
            "Every purge read back zeros.",
            nonzero == 0 and all(each.purge for each in verified) if verified else None,
            f"{reread} bytes read back, {nonzero} not zero",
            control,
            refused,
        )
        return complete, zeros


def forged_is_refused(receipt: Receipt, key: bytes) -> bool:
    """Whether `verify` refuses the receipt when one character of its statement is changed."""
    statement = receipt.envelopes[1]["payload"]
    changed = receipt.text.replace(statement, statement[:-8] + ("A" if statement[-8] != "A" else "B") + statement[-7:])
    with suppress(InvalidReceiptError):
        verify(changed, trusted_key=key)
        return False
    return changed != receipt.text
