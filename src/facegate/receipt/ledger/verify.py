"""Check a log: every byte of it is covered by the last signature, by a digest, or by the one form that it can have."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from facegate.errors import ReceiptError
from facegate.receipt import envelope
from facegate.receipt.act import ACTS, Act
from facegate.receipt.ledger.act_entries import WrittenAct
from facegate.receipt.ledger.chain import Torn
from facegate.receipt.ledger.checks import Checks
from facegate.receipt.ledger.entry import key_text
from facegate.receipt.ledger.reading import Reading, Source
from facegate.receipt.ledger.receipts import Phase, Requests, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLedger:
    """What a log says, after every check passed.

    Attributes:
        log: random ID of the log, hex.
        entries: how many were read.
        checked: receipts whose signatures and statements were checked; all of them, or those of the range.
        acts: how many acts were checked, by their word, in the order of `facegate.receipt.ACTS`; of the range, too.
        unclosed: OPEN phases, of those, whose request never closed: what a killed worker leaves, or one that runs.
        torn: appends that were cut off, by a loss of power for example, and recovered from. If none happened, somebody
            damaged what was then the last entry.
        checkpoint: the latest one, a signed note; None if there is none.
        unchecked: entries after it. They are signed; what followed them may have been cut off without a trace.
        known: whether a checkpoint that the caller knew was held against the log.
        first_key: PEM of the key that the log began with.
        key_id: SHA-256 of the key in force at the end.
        pinned: whether the caller named the first key. If not, the log is intact, but anybody may have made it.
    """

    log: str
    entries: int
    checked: int
    acts: Mapping[str, int]
    unclosed: tuple[Phase, ...]
    torn: tuple[Torn, ...]
    checkpoint: str | None
    unchecked: int
    known: bool
    first_key: bytes
    key_id: str
    pinned: bool


def verify_ledger(
    source: Source,
    *,
    trusted_key: bytes | None = None,
    checkpoint: str | None = None,
    entries: range | None = None,
    processes: int = 1,
) -> VerifiedLedger:
    """Check a log, or a range of it.

    Args:
        source: path of the file, or its content.
        trusted_key: PEM of the public key that the log must have begun with; later keys follow from it. Without one
            the log's own is used, which shows that the log is intact, not whose it is.
        checkpoint: a signed note that is known to be of this log. A log that ends before it was cut; one with another
            root was rewritten. The end of a log can be cut back without a trace to the last checkpoint that is known.
        entries: numbers of the entries whose receipts and acts are checked; all by default. With a checkpoint the log
            is read up to that alone, so the entries must lie before it. Chain, tree and keys are checked from the
            beginning all the same.
        processes: for the signatures of receipts and acts. More than one starts interpreters, as `multiprocessing`
            does with its method ``spawn``: the caller's main module must allow for that.

    Raises:
        InvalidLedgerError: a check failed; the message names the entry and says which.
        ReceiptError: `trusted_key`, `checkpoint` or `entries` is none, which says nothing about the log.
        OSError: the file cannot be read.

    Does not protect against: whoever holds the key; a log is the worker's word, made tamper-evident.
    """
    reading = Reading(trusted_key, checkpoint)
    chain, known = reading.chain, reading.known
    if entries is not None and (entries.step != 1 or entries.start < 0 or (known and entries.stop > known.size)):
        raise ReceiptError("The range must be of entries that follow each other and that the checkpoint covers.")
    found = _Found()
    with contextlib.closing(reading.entries(source)) as walk, contextlib.closing(Checks(processes)) as checks:
        for entry in walk:
            if entries is None or entry.index in entries:
                if entry.kind == "receipt":
                    found.add(checks.add(Written.of(entry)))
                elif entry.kind == "act":
                    # Before a later entry changes the key that was in force.
                    found.add(checks.add(WrittenAct.of(entry, key_text(chain.key_in_force()))))
            if entries is not None and known is not None and entry.index == known.size:
                break  # what follows is no matter of this checkpoint
        found.add(checks.rest())
    first_key, key = reading.finish()
    if entries is not None and entries.stop > chain.size:
        raise ReceiptError(f"The log has {chain.size} entries, fewer than the range.")
    return VerifiedLedger(
        log=chain.log,
        entries=chain.size,
        checked=found.receipts,
        acts={word: found.acts[word] for word in ACTS if word in found.acts},
        unclosed=tuple(each for each in found.requests.open.values() if each.opened in chain.open),
        torn=tuple(chain.torn),
        checkpoint=None if chain.latest is None else chain.latest.text,
        unchecked=chain.size - (chain.latest.size + 1 if chain.latest else 0),
        known=known is not None,
        first_key=envelope.public_pem(first_key),
        key_id=envelope.key_id(key),
        pinned=reading.pinned,
    )


class _Found:
    """What the checks of single entries found, put together."""

    def __init__(self) -> None:
        self.requests = Requests()
        self.receipts = 0
        self.acts: Counter[str] = Counter()

    def add(self, checked: Iterable[Phase | Act]) -> None:
        """Add results, in the order of the log."""
        for each in checked:
            if isinstance(each, Act):
                self.acts[each.act] += 1
            else:
                self.receipts += 1
                self.requests.add(each)
