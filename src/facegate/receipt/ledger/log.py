"""The ledger: receipts and acts are appended to it, and it signs each entry over all before it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, overload

from facegate.errors import LedgerError
from facegate.receipt.act import Act, sign_act
from facegate.receipt.act_receipt import ActReceipt
from facegate.receipt.bundle import Receipt
from facegate.receipt.envelope import Signer, decode, load_public_key
from facegate.receipt.ledger.act_entries import acts_of
from facegate.receipt.ledger.entry import Kind, key_text
from facegate.receipt.ledger.sink import Sink
from facegate.receipt.ledger.writer import Writer
from facegate.receipt.verify import verify

EVERY: Final = 1000


class Ledger(Writer):
    """A log of receipts and acts in which every entry names the digest of the one before it.

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
        self._every = every
        self._on_checkpoint = on_checkpoint
        super().__init__(sink, signer)

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
        with self._turn():
            if opened in self._chain.closed or (len(bodies) == 1 and opened in self._chain.open):
                raise LedgerError("This phase of the receipt is in the ledger already.")
            note = self._put("receipt", bodies[1:] if opened in self._chain.open else bodies)
        self._tell(note)

    @overload
    def record(self, acts: Act) -> ActReceipt: ...

    @overload
    def record(self, acts: Sequence[Act]) -> tuple[ActReceipt, ...]: ...

    def record(self, acts: Act | Sequence[Act]) -> ActReceipt | tuple[ActReceipt, ...]:
        """Sign acts with the key in force and add them, all in one write; on the disk when this returns.

        Args:
            acts: one, or up to 256 in their order; of none, nothing is written.

        Returns:
            The receipt of each, whose envelope is the one on the ledger; of one act, that receipt.

        Raises:
            LedgerError: they were not added: the disk is full, the log was replaced, there are too many, one is no
                act. If a write was cut off, none, the first ones or all of them may be there nonetheless.
            InvalidLedgerError: somebody changed the log.
        """
        each = acts_of(acts)
        if not each:
            return ()
        with self._turn():
            signer = self.signer  # only now: another thread may have given the ledger another one
            envelopes = [sign_act(act, signer) for act in each]
            note = self._put("act", [{"envelope": envelope} for envelope in envelopes])
        self._tell(note)
        key = signer.public_key_pem()
        receipts = tuple(ActReceipt.around(envelope, key) for envelope in envelopes)
        return receipts[0] if isinstance(acts, Act) else receipts

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

    def _put(self, kind: Kind, bodies: Sequence[Mapping[str, Any]]) -> str | None:
        """Write entries of one kind, and the checkpoint that is due then."""
        self._add([(kind, body) for body in bodies])
        return self._check() if self._unchecked() >= self._every else None

    def _tell(self, note: str | None) -> None:
        if note is not None and self._on_checkpoint is not None:
            self._on_checkpoint(note)

    def __reduce__(self) -> Any:
        raise LedgerError("A ledger cannot be pickled.")
