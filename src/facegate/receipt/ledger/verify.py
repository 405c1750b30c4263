"""Check a log: every byte of it is covered by the last signature, by a digest, or by the one form that it can have."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from facegate.errors import InvalidLedgerError, InvalidReceiptError, ReceiptError
from facegate.receipt import envelope
from facegate.receipt.ledger.chain import Chain, Torn
from facegate.receipt.ledger.checkpoint import Checkpoint
from facegate.receipt.ledger.entry import Entry
from facegate.receipt.ledger.receipts import Phase, Requests, Written, check_receipts
from facegate.receipt.ledger.sink import lines_of

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

# Receipts handed to another process at once: a fifth of a second of work, 2 MB to send.
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLedger:
    """What a log says, after every check passed.

    Attributes:
        log: random ID of the log, hex.
        entries: how many were read.
        checked: receipts whose signatures and statements were checked; all of them, or those of the range.
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
    unclosed: tuple[Phase, ...]
    torn: tuple[Torn, ...]
    checkpoint: str | None
    unchecked: int
    known: bool
    first_key: bytes
    key_id: str
    pinned: bool


def verify_ledger(
    source: bytes | str | os.PathLike[str],
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
        entries: numbers of the entries whose receipts are checked; all by default. With a checkpoint the log is read up
            to that alone, so the entries must lie before it. Chain, tree and keys are checked from the beginning all
            the same.
        processes: for the signatures of receipts. More than one starts interpreters, as `multiprocessing` does with its
            method ``spawn``: the caller's main module must allow for that.

    Raises:
        InvalidLedgerError: a check failed; the message names the entry and says which.
        ReceiptError: `trusted_key`, `checkpoint` or `entries` is none, which says nothing about the log.
        OSError: the file cannot be read.

    Does not protect against: whoever holds the key; a log is the worker's word, made tamper-evident.
    """
    chain, requests = Chain(), Requests()
    trusted = None if trusted_key is None else envelope.trusted_key(trusted_key)
    known = None if checkpoint is None else _known(checkpoint)
    if entries is not None and (entries.step != 1 or entries.start < 0 or (known and entries.stop > known.size)):
        raise ReceiptError("The range must be of entries that follow each other and that the checkpoint covers.")
    checked = 0
    with _lines(source) as lines, contextlib.closing(_Checks(processes)) as checks:
        for entry in chain.walk(lines):
            if chain.size == 1 and trusted is not None and entry.key().public_bytes_raw() != trusted.public_bytes_raw():
                raise InvalidLedgerError("The log began with another key than the trusted one.")
            if known is not None:
                _hold_against(known, chain, entry)
            if entry.kind == "receipt" and (entries is None or entry.index in entries):
                checked += 1
                for phase in checks.add(entry):
                    requests.add(phase)
            if entries is not None and known is not None and entry.index == known.size:
                break  # what follows is no matter of this checkpoint
        for phase in checks.rest():
            requests.add(phase)
    chain.settle()
    _check_end(chain, known, entries)
    if chain.key is None or chain.first_key is None:
        raise InvalidLedgerError("The log has no entry.")
    return VerifiedLedger(
        log=chain.log,
        entries=chain.size,
        checked=checked,
        unclosed=tuple(each for each in requests.open.values() if each.opened in chain.open),
        torn=tuple(chain.torn),
        checkpoint=None if chain.latest is None else chain.latest.text,
        unchecked=chain.size - (chain.latest.size + 1 if chain.latest else 0),
        known=known is not None,
        first_key=envelope.public_pem(chain.first_key),
        key_id=envelope.key_id(chain.key),
        pinned=trusted is not None,
    )


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


def _check_end(chain: Chain, known: Checkpoint | None, entries: range | None) -> None:
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
    if entries is not None and entries.stop > chain.size:
        raise ReceiptError(f"The log has {chain.size} entries, fewer than the range.")


class _Checks:
    """Receipts checked in batches, by other processes if there are to be any; results in the order of the log."""

    def __init__(self, processes: int) -> None:
        self._batch: list[Written] = []
        self._pending: deque[Future[list[Phase]]] = deque()
        self._limit = 2 * processes  # keeps the log from being held in memory whole
        self._pool = _pool(processes) if processes > 1 else None

    def add(self, entry: Entry) -> Iterator[Phase]:
        """Take one in; what became known."""
        self._batch.append(Written.of(entry))
        if len(self._batch) >= _BATCH:
            yield from self._send()

    def rest(self) -> Iterator[Phase]:
        """What is still to come."""
        yield from self._send()
        while self._pending:
            yield from self._pending.popleft().result()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _send(self) -> Iterator[Phase]:
        batch, self._batch = self._batch, []
        if self._pool is None:
            yield from check_receipts(batch)
            return
        self._pending.append(self._pool.submit(check_receipts, batch))
        while len(self._pending) > self._limit:
            yield from self._pending.popleft().result()


def _pool(processes: int) -> ProcessPoolExecutor:
    # Imported here, because every worker with a gate imports this module, and none needs them.
    import multiprocessing  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    # spawn: a fork of a process with threads, or with CUDA, may hang.
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def _lines(source: bytes | str | os.PathLike[str]) -> Iterator[Iterator[bytes]]:
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
