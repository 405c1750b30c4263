"""A log read from its beginning, and held against the key and the checkpoint that are known of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidLedgerError, InvalidReceiptError, ReceiptError
from facegate.receipt import envelope
from facegate.receipt.ledger.chain import Chain
from facegate.receipt.ledger.checkpoint import Checkpoint
from facegate.receipt.ledger.entry import Entry
from facegate.receipt.ledger.sink import lines_of

Source: TypeAlias = bytes | str | os.PathLike[str]


class Reading:
    """One reading of a log: chain, tree, keys and checkpoints, and no receipt or act.

    Args:
        trusted_key: PEM of the key that the log must have begun with, if it is known.
        checkpoint: a signed note that the log must contain, if one is known.

    Attributes:
        chain: what was read so far.
        known: the checkpoint.
        pinned: whether the key is known.

    Raises:
        ReceiptError: one of the two is none.
    """

    def __init__(self, trusted_key: bytes | None, checkpoint: str | None) -> None:
        self.chain = Chain()
        self._trusted = None if trusted_key is None else envelope.trusted_key(trusted_key)
        self.known = None if checkpoint is None else _known(checkpoint)
        self.pinned = trusted_key is not None

    def entries(self, source: Source) -> Generator[Entry, None, None]:
        """The entries one after another; the signature of each is checked only if it is no receipt and no act.

        Raises:
            InvalidLedgerError: one does not fit those before it, or the key or the checkpoint does not.
            OSError: the file cannot be read.
        """
        chain = self.chain
        with _lines(source) as lines:
            for entry in chain.walk(lines):
                if chain.size == 1:
                    self._check_beginning(entry)
                if self.known is not None:
                    _hold_against(self.known, chain, entry)
                yield entry

    def finish(self) -> tuple[Ed25519PublicKey, Ed25519PublicKey]:
        """Check the end: the last signature, that nothing is torn there, and that the checkpoint came.

        Returns:
            The key that the log began with, and the one in force at its end.

        Raises:
            InvalidLedgerError: something is not as it must be.
        """
        chain, known = self.chain, self.known
        chain.settle()
        if chain.tail:
            raise InvalidLedgerError(
                "the log breaks off here, or was changed. If a loss of power did it, opening the ledger recovers it.",
                entry=chain.size,
            )
        # A checkpoint is itself the entry after those that it covers.
        if known is not None and chain.size <= known.size:
            raise InvalidLedgerError(
                f"The log was cut: it has {chain.size} entries, and the known checkpoint is entry {known.size}."
            )
        if chain.first_key is None:
            raise InvalidLedgerError("The log has no entry.")
        return chain.first_key, chain.key_in_force()

    def _check_beginning(self, first: Entry) -> None:
        if self._trusted is not None and first.key().public_bytes_raw() != self._trusted.public_bytes_raw():
            raise InvalidLedgerError("The log began with another key than the trusted one.")


def _known(text: str) -> Checkpoint:
    try:
        return Checkpoint.parse(text)
    except InvalidReceiptError as error:
        # The caller's mistake: whoever catches InvalidReceiptError must not take it for a forged log.
        raise ReceiptError(error.reason) from None


def _hold_against(known: Checkpoint, chain: Chain, entry: Entry) -> None:
    if chain.size == known.size and (chain.log, chain.tree.root()) != (known.log, known.root):
        raise InvalidLedgerError(
            f"The entries before number {known.size} are not those of the known checkpoint: the log was rewritten."
        )
    if entry.index == known.size and (chain.latest is None or chain.latest.text != known.text):
        raise InvalidLedgerError("The log holds something else where the known checkpoint was.", entry=entry.index)


@contextlib.contextmanager
def _lines(source: Source) -> Iterator[Iterator[bytes]]:
    if isinstance(source, bytes):
        yield lines_of(lambda start, length: source[start : start + length], 0, len(source))
        return
    with Path(source).open("rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ReceiptError("A ledger is a plain file.")
        # Whoever appends has the lock: with it, no entry is half there. Then the file only grows beyond what is read.
        fcntl.flock(file, fcntl.LOCK_SH)
        size = os.fstat(file.fileno()).st_size
        fcntl.flock(file, fcntl.LOCK_UN)
        yield lines_of(lambda start, length: os.pread(file.fileno(), length, start), 0, size)
