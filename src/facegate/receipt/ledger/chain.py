"""What holds from entry to entry: the chain of digests, the tree, the keys, the phases of each request.

Whoever appends and whoever verifies walk the log with this same code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidLedgerError, InvalidReceiptError
from facegate.receipt.ledger.checkpoint import Checkpoint
from facegate.receipt.ledger.entry import MAX_LINE, NOTHING_BEFORE, Entry, parse
from facegate.receipt.ledger.merkle import Tree

# A write that was cut off leaves the lines of one request at most, or holes where 256 acts of 5 KB were to be; more if
# recovery was cut off too.
MAX_TORN: Final = 8 * MAX_LINE


@dataclass(frozen=True, slots=True)
class Torn:
    """What an append that was cut off left behind.

    Attributes:
        entry: number of the entry that records it; what was torn stands before that.
        bytes: how many.
    """

    entry: int
    bytes: int


class Chain:
    """A walk over the log, entry by entry.

    Attributes:
        size: entries so far.
        offset: bytes up to the end of the last whole entry.
        head: SHA-256 of that entry, hex.
        log: random ID of the log.
        first_key: the key that the log began with.
        key: the key in force.
        latest: the last checkpoint.
        checkpoints: how many there were.
        open: requests by the digest of their OPEN payload, with the number of that entry, until they close.
        closed: those that did.
        torn: what was recovered from.
        tail: bytes after the last whole entry which are no entry.
    """

    def __init__(self) -> None:
        self.size = 0
        self.offset = 0
        self.head = NOTHING_BEFORE
        self.tree = Tree()
        self.log = ""
        self.first_key: Ed25519PublicKey | None = None
        self.key: Ed25519PublicKey | None = None
        self.latest: Checkpoint | None = None
        self.checkpoints = 0
        self.open: dict[str, int] = {}
        self.closed: set[str] = set()
        self.torn: list[Torn] = []
        self.tail = bytearray()
        self._last: Entry | None = None

    def walk(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        """Go on over these lines, each with its newline; what is no entry at their end is left in `tail`.

        Raises:
            InvalidLedgerError: an entry does not fit those before it.
        """
        for line in lines:
            entry = parse(line[:-1]) if line.endswith(b"\n") else None
            if entry is None:
                # Torn, if an entry follows that says so; only then it is known.
                self.tail += line
                if len(self.tail) > MAX_TORN:
                    raise InvalidLedgerError("there is more here than any entry has.", entry=self.size)
                continue
            self.take(entry)
            yield entry

    def take(self, entry: Entry) -> None:
        """Add one entry.

        Raises:
            InvalidLedgerError: it does not fit those before it.
        """
        at = self.size
        self._check_torn(entry)
        if entry.index != at:
            raise InvalidLedgerError(
                f"the entry here is numbered {entry.index}: entries are missing, repeated or out of order.", entry=at
            )
        if entry.text("previous") != self.head:
            raise InvalidLedgerError(
                "it does not name the digest of the entry before it: one of the two was changed or put there.", entry=at
            )
        if (entry.kind == "begun") != (at == 0):
            raise InvalidLedgerError("a log begins with the entry that names its key, and has no second one.", entry=at)
        try:
            self._learn(entry)
        except InvalidLedgerError as error:
            raise error if error.entry is not None else InvalidLedgerError(error.reason, entry=at) from None
        except InvalidReceiptError as error:
            raise InvalidLedgerError(error.reason, entry=at) from None
        if self.tail:
            self.torn.append(Torn(at, len(self.tail) - 1))
        digest = entry.digest()
        self.tree.append(digest)
        self.head = digest.hex()
        self.offset += len(self.tail) + len(entry.line) + 1
        self.tail = bytearray()
        self.size += 1
        self._last = entry

    def settle(self) -> None:
        """Check the signature of the last entry, which through the chain of digests covers all before it.

        Raises:
            InvalidLedgerError: the key in force did not make it.
        """
        # Entries of other kinds were checked when they were taken, each with the key then in force.
        if self._last is not None and self._last.kind in {"receipt", "act"} and self.key is not None:
            self._last.check(self.key)

    def _check_torn(self, entry: Entry) -> None:
        said = entry.torn()
        if not self.tail:
            if said is not None:
                raise InvalidLedgerError("it records a torn entry that is not there.", entry=self.size)
            return
        torn = bytes(self.tail[:-1])  # without the newline that recovery puts after it
        if said is None:
            raise InvalidLedgerError(
                "it is damaged: what stands here is no entry, and no entry records that it was torn.", entry=self.size
            )
        # The newline counts too: a line longer than any entry comes in pieces, the last of which could pass for one.
        if not self.tail.endswith(b"\n") or said != (len(torn), hashlib.sha256(torn).hexdigest()):
            raise InvalidLedgerError("what was recorded as torn was changed since.", entry=self.size)

    def _learn(self, entry: Entry) -> None:
        match entry.kind:
            case "begun":
                key = entry.key()
                entry.check(key)
                self.log, self.first_key, self.key = entry.text("log"), key, key
            case "rotation":
                entry.check(self.key_in_force())
                self.key = entry.key()
            case "recovered":
                entry.check(self.key_in_force())
            case "checkpoint":
                entry.check(self.key_in_force())
                self._check_checkpoint(Checkpoint.parse(entry.note()))
            case "receipt":
                self._check_phase(entry)
            # An act says nothing of those before it; what it says is checked by whoever reads acts.

    def _check_checkpoint(self, found: Checkpoint) -> None:
        found.check(self.key_in_force())
        if (found.log, found.size, found.root) != (self.log, self.size, self.tree.root()):
            raise InvalidLedgerError("its checkpoint is of another log: the root does not fit the entries before it.")
        if found.before != (self.latest and self.latest.line):
            raise InvalidLedgerError("its checkpoint does not name the checkpoint before it.")
        self.latest = found
        self.checkpoints += 1

    def _check_phase(self, entry: Entry) -> None:
        opened = entry.text("opened")
        if entry.text("phase") == "OPEN":
            if opened in self.open or opened in self.closed:
                raise InvalidLedgerError("the request was opened before in this log.")
            self.open[opened] = self.size
        else:
            if opened in self.closed:
                raise InvalidLedgerError("the request was closed before in this log.")
            if opened not in self.open:
                raise InvalidLedgerError("it closes a request that this log never opened.")
            del self.open[opened]
            self.closed.add(opened)

    def key_in_force(self) -> Ed25519PublicKey:
        """`key`, which every log has from its first entry on.

        Raises:
            InvalidLedgerError: nothing was read yet.
        """
        if self.key is None:  # the first entry has one, and another first entry was refused
            raise InvalidLedgerError("the log has no key.", entry=self.size)
        return self.key
