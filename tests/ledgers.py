"""Ledgers for tests: receipts without a gate, a sink in memory, a sample log with an entry of every kind."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

from facegate.receipt import Receipt, Signer, open_receipt
from facegate.receipt.ledger import Ledger
from tests.acts import act
from tests.unit.test_receipt import closed, opened

_serial = count(1)


def receipts(signer: Signer, **changes: Any) -> tuple[Receipt, Receipt]:
    """Both phases of a request that no other test has."""
    number = next(_serial)
    fields = {"request_id": f"req-{number}", "sequence": number} | changes
    first = open_receipt(opened(**fields), signer)
    return first, first.close(closed(), signer)


class MemorySink:
    """A sink other than a file; `limit` makes it full at that size, as a disk is, with what fits written."""

    def __init__(self, data: bytes = b"", limit: int | None = None) -> None:
        self.data = bytearray(data)
        self.limit = limit

    def exclusive(self) -> AbstractContextManager[object]:
        return contextlib.nullcontext()

    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        return bytes(self.data[start : start + length])

    def append(self, data: bytes) -> None:
        room = len(data) if self.limit is None else max(0, self.limit - len(self.data))
        self.data += data[:room]
        if room < len(data):
            raise OSError(28, "No space left on device")

    def close(self) -> None:
        """Nothing to let go of."""


def sample(first: Signer, second: Signer) -> tuple[bytes, str]:
    """A log with entries of all kinds, one request that never closed, and a torn entry; and its last checkpoint."""
    sink = MemorySink()
    with Ledger(sink, first, every=3) as ledger:
        for each in receipts(first):
            ledger.append(each)
        ledger.append(receipts(first)[0])
    whole = bytes(sink.data)
    with Ledger(sink, first) as ledger:
        ledger.append(receipts(first)[0])
    torn = bytes(sink.data)[: len(whole) + 700]
    sink = MemorySink(torn)
    with Ledger(sink, first) as ledger:
        assert bytes(sink.data).startswith(torn)
        ledger.rotate(second)
        for each in receipts(second):
            ledger.append(each)
        ledger.record(act())
        note = ledger.checkpoint()
    return bytes(sink.data), note
