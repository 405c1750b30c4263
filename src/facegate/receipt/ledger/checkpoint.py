"""Checkpoints: signed notes that say how long a log is and what the root of its tree is.

Formats: https://github.com/C2SP/C2SP/blob/main/signed-note.md, https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidLedgerError
from facegate.receipt.envelope import Signer, decode

MAX_CHARACTERS: Final = 1024
_ORIGIN: Final = "facegate.ledger/"
_SIZE, _HASH = r"(?:0|[1-9][0-9]{0,15})", r"[A-Za-z0-9+/]{43}="
_NOTE: Final = re.compile(
    rf"(?P<signed>{_ORIGIN}(?P<log>[0-9a-f]{{32}})\n(?P<size>{_SIZE})\n(?P<root>{_HASH})\n"
    rf"previous (?:none|(?P<before>{_SIZE} {_HASH}))\n)\n"
    rf"\N{{EM DASH}} {_ORIGIN}(?P=log) (?P<signature>[A-Za-z0-9+/]{{91}}=)\n"
)
_ED25519: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a signed note says; `check` says whether its signature fits.

    Attributes:
        text: the whole note.
        log: random ID of the log, hex.
        size: number of entries that it covers: those numbered below.
        root: of their tree.
        before: size and root of the checkpoint before it, as they are written; None for the first.
    """

    text: str
    log: str
    size: int
    root: bytes
    before: str | None

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """A note in its one written form. Its signature is not checked.

        Raises:
            InvalidLedgerError: it is no such note.
        """
        found = _NOTE.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
        if found is None:
            raise InvalidLedgerError("The checkpoint is no signed note of a ledger.")
        return cls(text, found["log"], int(found["size"]), decode(found["root"]), found["before"])

    @classmethod
    def sign(cls, log: str, size: int, root: bytes, before: Checkpoint | None, signer: Signer) -> Checkpoint:
        """A new checkpoint."""
        previous = "none" if before is None else before.line
        signed = f"{_ORIGIN}{log}\n{size}\n{base64.b64encode(root).decode()}\nprevious {previous}\n"
        signature = _hint(log, signer.public_key) + signer.sign_bytes(signed.encode())
        return cls.parse(f"{signed}\n\N{EM DASH} {_ORIGIN}{log} {base64.b64encode(signature).decode()}\n")

    @property
    def line(self) -> str:
        """Size and root, as the next checkpoint names them."""
        return f"{self.size} {base64.b64encode(self.root).decode()}"

    def check(self, key: Ed25519PublicKey) -> None:
        """Check that this key signed it.

        Raises:
            InvalidLedgerError: it did not.
        """
        found = _NOTE.fullmatch(self.text)
        assert found is not None  # noqa: S101 (there is no other way to make one)
        signature = decode(found["signature"])
        try:
            key.verify(signature[4:], found["signed"].encode())
        except InvalidSignature:
            raise InvalidLedgerError("The checkpoint's signature does not fit it.") from None
        if signature[:4] != _hint(self.log, key):
            raise InvalidLedgerError("The checkpoint names another key than the one that signed it.")


def _hint(log: str, key: Ed25519PublicKey) -> bytes:
    """The four bytes by which a signed note names its key."""
    return hashlib.sha256(f"{_ORIGIN}{log}\n".encode() + _ED25519 + key.public_bytes_raw()).digest()[:4]
