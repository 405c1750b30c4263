"""The acts in a log: how many at once, checked each by itself, and read back in their order."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Final, NamedTuple

from facegate.errors import InvalidLedgerError, InvalidReceiptError, LedgerError
from facegate.receipt import envelope
from facegate.receipt.act import Act, signed_act
from facegate.receipt.ledger.entry import Entry, key_text
from facegate.receipt.ledger.reading import Reading, Source
from facegate.receipt.ledger.receipts import cached_key

# In one write. A bound, because what a write that was cut off leaves behind has one: `chain.MAX_TORN`.
MAX_ACTS: Final = 256


def acts_of(acts: Act | Sequence[Act]) -> tuple[Act, ...]:
    """One act or several, as several.

    Raises:
        LedgerError: they are too many, or something else.
    """
    if isinstance(acts, Act):
        return (acts,)
    if not isinstance(acts, Sequence) or not all(isinstance(each, Act) for each in acts):
        raise LedgerError("A ledger records an act or a sequence of acts.")
    if len(acts) > MAX_ACTS:
        raise LedgerError(f"A ledger records at most {MAX_ACTS} acts at once.")
    return tuple(acts)


class WrittenAct(NamedTuple):
    """What of an act's entry is checked here; small, because it may be sent to another process."""

    entry: int
    key: str
    payload: str
    keyid: str
    sig: str

    @classmethod
    def of(cls, entry: Entry, key: str) -> WrittenAct:
        """Of an entry of that kind, with the key that was in force when it was written, raw, base64."""
        return cls(entry.index, key, *map(entry.text, ("payload", "keyid", "sig")))


def check_written_act(written: WrittenAct) -> Act:
    """Check signature and form of the act.

    Raises:
        InvalidLedgerError: it does not hold; the message names the entry.
    """
    sealed = {"payload": written.payload, "signatures": [{"keyid": written.keyid, "sig": written.sig}]}
    try:
        return signed_act(envelope.check(sealed, cached_key(written.key)))
    except InvalidReceiptError as error:
        raise InvalidLedgerError(error.reason, entry=written.entry) from None


def acts(
    source: Source,
    *,
    trusted_key: bytes | None = None,
    checkpoint: str | None = None,
) -> Generator[tuple[int, Act], None, None]:
    """The acts of a log with the numbers of their entries, in its order, one at a time.

    Each is given out when its own signature and that of its entry were checked, which covers every entry before it.
    What is wrong further on is raised when it is reached: only who reads to the end knows that the whole log holds.
    Whoever stops before that closes the iterator, `contextlib.closing`.

    Args:
        source: path of the file, or its content.
        trusted_key: PEM of the public key that the log must have begun with; later keys follow from it.
        checkpoint: a signed note that is known to be of this log.

    Raises:
        InvalidLedgerError: a check failed; the message names the entry and says which. Raised by the iterator.
        ReceiptError: `trusted_key` or `checkpoint` is none, which says nothing about the log.
        OSError: the file cannot be read. Raised by the iterator.

    Does not protect against: receipts between the acts that do not verify; `facegate.verify_ledger` looks at them.
    """
    return _acts(Reading(trusted_key, checkpoint), source)


def _acts(reading: Reading, source: Source) -> Generator[tuple[int, Act], None, None]:
    with contextlib.closing(reading.entries(source)) as entries:
        for entry in entries:
            if entry.kind == "act":
                key = reading.chain.key_in_force()
                # Of the last entry alone the reading itself checks it, and the last one may be far.
                entry.check(key)
                yield entry.index, check_written_act(WrittenAct.of(entry, key_text(key)))
    reading.finish()
