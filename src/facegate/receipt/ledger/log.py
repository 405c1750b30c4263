"""The ledger: receipts are appended to it, and it signs each entry over all before it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from facegate.errors import LedgerError
from facegate.receipt.bundle import Receipt
from facegate.receipt.envelope import Signer, decode, key_id, load_public_key
from facegate.receipt.ledger.chain import Chain
from facegate.receipt.ledger.checkpoint import Checkpoint
from facegate.receipt.ledger.entry import Kind, compose, key_text, parse
from facegate.receipt.ledger.sink import FileSink, Sink, lines_of
from facegate.receipt.verify import verify

EVERY: Final = 1000


class Ledger:
    """A log of receipts in which every entry names the digest of the one before it.

    Give it to a gate, ``Gate(policy, ledger=ledger)``, or use it as any gate's `on_receipt`. Thread-safe. Several
    processes may append to one file, each with a ledger of its own and the same key. Close it, or use ``with``.

    Args:
        sink: path of a file, made if it is not there, or another place to keep the log.
        signer: the ledger's key, which must outlive the process: `Signer.from_pem`. It vouches for the receipts' keys.
        every: write a checkpoint when this many entries were added since the last one.
        on_checkpoint: called with each checkpoint that this object writes, a signed note. Keep it where whoever can
            write to the log cannot: only a checkpoint known from elsewhere shows that the log's end was cut off.

    Raises:
        LedgerError: the sink cannot be opened, or the log's key is another.
        InvalidLedgerError: what is there does not verify; nothing is appended to such a log.

    Does not protect against: whoever has the key; whoever can write to the file and cuts entries off its end, unless
    the verifier knows a later checkpoint; a process that is stopped while it holds the lock, which stops the others.
    """

    def __init__(
        self,
        sink: Sink | str | os.PathLike[str],
        signer: Signer,
        *,
        every: int = EVERY,
        on_checkpoint: Callable[[str], None] | None = None,
    ) -> None:
        if every < 1:
            raise LedgerError("A ledger writes a checkpoint every 1 entry or more.")
        self.signer = signer
        self._every = every
        self._on_checkpoint = on_checkpoint
        self._guard = threading.Lock()
        self._owner = os.getpid()
        self._chain = Chain()
        self._closed = False
        self._doubtful = False
        self._sink = FileSink(sink) if isinstance(sink, (str, os.PathLike)) else sink
        try:
            with self._turn():
                pass  # reads what is there, or begins
        except BaseException:
            self._sink.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, receipt: Receipt) -> None:
        """`append`, so that a ledger can be a gate's `on_receipt`."""
        self.append(receipt)

    def append(self, receipt: Receipt) -> None:
        """Add the receipt's latest phase; on the disk when this returns.

        The OPEN phase is added too if it is not there, so that a request whose OPEN could not be written has one.

        Raises:
            LedgerError: it was not added: the phase is there already, the disk is full, the log was replaced.
            InvalidReceiptError: the receipt does not verify.
            InvalidLedgerError: somebody changed the log.
        """
        verify(receipt, allow_open=True)  # a log with a receipt that does not verify would never verify again
        envelopes, key = receipt.envelopes, key_text(load_public_key(receipt.public_key))
        opened = hashlib.sha256(decode(envelopes[0]["payload"])).hexdigest()
        bodies = [
            {"envelope": envelope, "key": key, "opened": opened, "phase": phase}
            for envelope, phase in zip(envelopes, ("OPEN", "CLOSE"), strict=False)
        ]
        note = None
        with self._turn():
            if opened in self._chain.closed or (len(bodies) == 1 and opened in self._chain.open):
                raise LedgerError("This phase of the receipt is in the ledger already.")
            self._add([("receipt", body) for body in (bodies[1:] if opened in self._chain.open else bodies)])
            if self._unchecked() >= self._every:
                note = self._check()
        self._tell(note)

    def checkpoint(self) -> str:
        """The latest checkpoint, a new one if anything was added since.

        Raises:
            LedgerError: it could not be written.
            InvalidLedgerError: somebody changed the log.
        """
        note = None
        with self._turn():
            if self._unchecked():
                note = self._check()
            latest = self._chain.latest
        self._tell(note)
        if latest is None:
            raise LedgerError(
                "The ledger has no checkpoint."
            )  # cannot be: the entry that begins it was added since none
        return latest.text

    def rotate(self, signer: Signer) -> str:
        """Go on with another key, which the present key signs; the checkpoint that the new key made.

        Other processes that have the old key cannot append any more. This ledger's `signer` is the new one from then
        on.

        Raises:
            LedgerError: it could not be written.
            InvalidLedgerError: somebody changed the log.
        """
        with self._turn():
            self._add([("rotation", {"key": key_text(signer.public_key)})])
            self.signer = signer
            note = self._check()
        self._tell(note)
        return note

    def close(self) -> None:
        """Write a checkpoint if anything was added since the last, and let go of the file; idempotent."""
        if os.getpid() != self._owner or self._closed:
            return
        try:
            self.checkpoint()
        finally:
            with self._guard:
                self._closed = True
                self._sink.close()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Alone among all writers, and having read what the others wrote."""
        if os.getpid() != self._owner:
            # A fork shares the parent's lock on the file, which then keeps neither out.
            raise LedgerError("A ledger does not survive a fork: each process opens one of its own.")
        with self._guard:
            if self._closed:
                raise LedgerError("The ledger is closed.")
            try:
                with self._sink.exclusive():
                    self._catch_up()
                    yield
            except LedgerError:
                raise
            except BaseException as error:
                # An interrupt may have come in the middle of an entry: the next one to come reads the log anew.
                self._doubtful = True
                if not isinstance(error, OSError):
                    raise
                raise LedgerError(
                    f"The ledger could not be written: {error.strerror or type(error).__name__}."
                ) from error

    def _catch_up(self) -> None:
        size = self._sink.size()
        if size < self._chain.offset:
            raise LedgerError("The ledger is shorter than it was: somebody cut it while it was open.")
        if self._doubtful:
            self._chain, self._doubtful = Chain(), False
        self._read(size)
        # Before anything is written: what another key signs would make the log invalid for good.
        if self._chain.key is not None and key_id(self._chain.key) != self.signer.key_id:
            raise LedgerError("The ledger's key is another than the one given; `rotate` is how it gets a new one.")
        if self._chain.tail:
            self._recover()
        if self._chain.size == 0:
            self._add([("begun", self._beginning(None))])

    def _read(self, size: int) -> None:
        self._chain.tail = bytearray()
        for _ in self._chain.walk(lines_of(self._sink.read, self._chain.offset, size)):
            pass
        self._chain.settle()

    def _recover(self) -> None:
        """Go on after an append that was cut off. What it left stays where it is, and an entry says so."""
        tail = bytes(self._chain.tail)
        if parse(tail.rpartition(b"\n")[2]) is not None:
            # All but the newline was written, so it is whole. If it does not fit the chain, reading it says so.
            self._sink.append(b"\n")
            self._read(self._sink.size())
            return
        torn = {"bytes": len(tail), "sha256": hashlib.sha256(tail).hexdigest()}
        kind: Kind = "recovered" if self._chain.size else "begun"
        self._add([(kind, {"torn": torn} if self._chain.size else self._beginning(torn))], b"\n")

    def _beginning(self, torn: Mapping[str, Any] | None) -> dict[str, Any]:
        return {"key": key_text(self.signer.public_key), "log": secrets.token_hex(16), "torn": torn}

    def _add(self, contents: list[tuple[Kind, Mapping[str, Any]]], separator: bytes = b"") -> None:
        """Write entries, all in one go."""
        index, head, lines = self._chain.size, self._chain.head, []
        for kind, body in contents:
            line = compose(kind, body, index, head, self.signer)
            index, head = index + 1, hashlib.sha256(line).hexdigest()
            lines.append(line + b"\n")
        self._sink.append(separator + b"".join(lines))
        # Read like anybody else's, so that nothing that does not verify can be built upon.
        for _ in self._chain.walk([separator, *lines] if separator else lines):
            pass

    def _unchecked(self) -> int:
        """Entries since the last checkpoint."""
        latest = self._chain.latest
        return self._chain.size - (0 if latest is None else latest.size + 1)

    def _check(self) -> str:
        chain = self._chain
        made = Checkpoint.sign(chain.log, chain.size, chain.tree.root(), chain.latest, self.signer)
        self._add([("checkpoint", {"note": made.text})])
        return made.text

    def _tell(self, note: str | None) -> None:
        if note is not None and self._on_checkpoint is not None:
            self._on_checkpoint(note)

    def __reduce__(self) -> Any:
        raise LedgerError("A ledger cannot be pickled.")
