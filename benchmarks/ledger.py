"""Verify a log of 100,000 receipts beside its ceiling: the same number of bare Ed25519 verifications.

``python -m benchmarks.ledger [--receipts 100000] [--processes N] [--json FILE]``

The receipts are of the size that a gate writes: 20 protections, 5 models. They are signed here, without requests, which
would take an hour and write the same.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from facegate.protections import Protection
from facegate.receipt import Closed, Opened, PurgeReport, Receipt, Signer, open_receipt
from facegate.receipt.envelope import decode, load_public_key, pre_authentication_encoding
from facegate.receipt.ledger import FileSink, Ledger, verify_ledger

_PROTECTIONS = [Protection(f"protection_{each:02}", "achieved", "read back from the kernel: 8") for each in range(20)]
_MODELS = {f"model_{each}": "ab" * 32 for each in range(5)}
_PURGE = PurgeReport(bytes_wiped=1 << 20, bytes_reread=1 << 20, bytes_nonzero=0, residuals=[])


class _Lazy(FileSink):
    """A file that does not wait for the disk: what is measured is verifying."""

    def append(self, data: bytes) -> None:
        """Write, and no more."""
        os.write(self._descriptor, data)


def request(number: int, signer: Signer) -> tuple[Receipt, Receipt]:
    """Both phases of a request."""
    now = datetime.now(UTC)
    opened = open_receipt(
        Opened(
            request_id=f"req-{number}",
            purpose="generation",
            gate_id="benchmark",
            sequence=number,
            opened_at=now,
            policy_digest="cd" * 32,
            rules_digest="ef" * 32,
            models=_MODELS,
            level="sealed",
            protections=_PROTECTIONS,
        ),
        signer,
    )
    closed = Closed(
        outcome="finished",
        error=None,
        child_end="killed at purge",
        purge=_PURGE,
        closed_at=now + timedelta(seconds=1),
    )
    return opened, opened.close(closed, signer)


def write(path: Path, receipts: int, signer: Signer) -> float:
    """A log of so many receipts, two for each request; microseconds for each, without the disk."""
    begun = time.perf_counter()
    with Ledger(_Lazy(path), signer) as ledger:
        for number in range(1, receipts // 2 + 1):
            for each in request(number, signer):
                ledger.append(each)
    return (time.perf_counter() - begun) / receipts * 1e6


def bare(task: tuple[bytes, bytes, bytes, int]) -> None:
    """Verify one signature so many times."""
    pem, signature, data, times = task
    key = load_public_key(pem)
    for _ in range(times):
        key.verify(signature, data)


def clocks() -> tuple[float, float]:
    """Seconds so far, and seconds of processor time of this process and of those that it waited for."""
    return time.perf_counter(), sum(os.times()[:4])


def since(begun: tuple[float, float]) -> tuple[float, float]:
    """Both, since then."""
    wall, cpu = clocks()
    return wall - begun[0], cpu - begun[1]


def ceiling(receipts: int, processes: int, signer: Signer) -> tuple[float, float]:
    """Wall and processor seconds for as many signatures, of OPEN and CLOSE phases, in as many processes."""
    pem = signer.public_key_pem()
    tasks = []
    for envelope in request(1, signer)[1].envelopes:
        data = pre_authentication_encoding(decode(envelope["payload"]))
        signature = decode(envelope["signatures"][0]["sig"])
        tasks += [(pem, signature, data, receipts // 2 // processes)] * processes
    begun = clocks()
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(bare, tasks))
    return since(begun)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipts", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    signer = Signer.generate()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        appended = write(path, options.receipts, signer)
        size = path.stat().st_size
        least = ceiling(options.receipts, options.processes, signer)
        begun = clocks()
        found = verify_ledger(path, trusted_key=signer.public_key_pem(), processes=options.processes)
        took = since(begun)
        begun = time.perf_counter()
        Ledger(path, signer).close()
        reopened = time.perf_counter() - begun
    if found.checked != options.receipts or found.unclosed:
        raise SystemExit("the log is not what was written")
    row = {
        "receipts": options.receipts,
        "processes": options.processes,
        "MB": size / 1e6,
        "verify s": took[0],
        "bare signatures s": least[0],
        "ratio": took[0] / least[0],
        # Where others use the machine too, the processor's time is the fairer figure.
        "verify, processor s": took[1],
        "bare signatures, processor s": least[1],
        "ratio of processor time": took[1] / least[1],
        "receipts/s": options.receipts / took[0],
        "open to append s": reopened,
        "append us, with making the receipt, without the disk": appended,
    }
    for name, value in row.items():
        Console().print(f"{name}: {value:,.2f}" if isinstance(value, float) else f"{name}: {value:,}")
    if options.json:
        options.json.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
