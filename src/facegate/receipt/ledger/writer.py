"""Whoever writes to a log: alone, after reading what others wrote, and going on after what was cut off."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from facegate.errors import LedgerError
from facegate.receipt.envelope import Signer, key_id
from facegate.receipt.ledger.chain import Chain
from facegate.receipt.ledger.checkpoint import Checkpoint
from facegate.receipt.ledger.entry import Kind, compose, key_text, parse
from facegate.receipt.ledger.sink import FileSink, Sink, lines_of


class Writer:
    """The half of a `Ledger` that knows nothing of receipts and acts.

    Attributes:
        signer: the key in force.
    """

    def __init__(self, sink: Sink | str | os.PathLike[str], signer: Signer) -> None:
        self.signer = signer
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
