"""What is checked of each entry by itself: in batches, here or in other processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from facegate.receipt.act import Act
from facegate.receipt.ledger.act_entries import WrittenAct, check_written_act
from facegate.receipt.ledger.receipts import Phase, Written, check_receipt

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

# Entries handed to another process at once: a fifth of a second of work, 2 MB to send.
_BATCH: Final = 1000


class Checks:
    """Receipts and acts checked in batches, by other processes if there are to be any; results in the log's order."""

    def __init__(self, processes: int) -> None:
        self._batch: list[Written | WrittenAct] = []
        self._pending: deque[Future[list[Phase | Act]]] = deque()
        self._limit = 2 * processes  # keeps the log from being held in memory whole
        self._pool = _pool(processes) if processes > 1 else None

    def add(self, written: Written | WrittenAct) -> Iterator[Phase | Act]:
        """Take one in; what became known."""
        self._batch.append(written)
        if len(self._batch) >= _BATCH:
            yield from self._send()

    def rest(self) -> Iterator[Phase | Act]:
        """What is still to come."""
        yield from self._send()
        while self._pending:
            yield from self._pending.popleft().result()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _send(self) -> Iterator[Phase | Act]:
        batch, self._batch = self._batch, []
        if self._pool is None:
            yield from _check(batch)
            return
        self._pending.append(self._pool.submit(_check, batch))
        while len(self._pending) > self._limit:
            yield from self._pending.popleft().result()


def _check(batch: Sequence[Written | WrittenAct]) -> list[Phase | Act]:
    return [check_receipt(each) if isinstance(each, Written) else check_written_act(each) for each in batch]


def _pool(processes: int) -> ProcessPoolExecutor:
    # Imported here, because every worker with a gate imports this module, and none needs them.
    import multiprocessing  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    # spawn: a fork of a process with threads, or with CUDA, may hang.
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
