"""Put and get streams of 100 MB beside their ceiling: obstore and AES-256-GCM, alone, on the same disk or server.

``python -m benchmarks.retention [--rounds 7] [--megabytes 100] [--s3] [--json FILE]``

The ceiling encrypts a MiB at a time while obstore takes the pieces, as its own example of a stream does, and has
neither database, ledger nor check of the media type. A store says that something is kept once the disk has it, so the
ceiling is measured with one fsync of its file at the end, to be compared with, and without, for those who would not
wait. To read, it takes the whole blob into memory.

Memory is that of a process that puts and gets once, over what it had with everything open: its peak, by the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import obstore
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from obstore.store import LocalStore
from rich.console import Console
from rich.table import Table

from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore

MIB = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n"
KEY = bytes(range(32))
SAID = {"person": "p", "request": "r", "kept_as": "history", "kind": "upload", "purpose": "generation", "who": "bench"}


def pieces(megabytes: int, piece: bytes) -> Iterator[bytes]:
    """A stream of random bytes that begins as a PNG does."""
    yield PNG + piece[len(PNG) :]
    for _ in range(megabytes - 1):
        yield piece


def sealed(content: Iterator[bytes]) -> Iterator[bytes]:
    """The least that encrypting a stream takes."""
    cipher = AESGCM(KEY)
    for number, piece in enumerate(content):
        yield cipher.encrypt(number.to_bytes(12, "big"), piece, None)


def opened(store: Any, size: int) -> int:
    """The least that reading and decrypting takes, four MiB at a time; bytes of content."""
    cipher, step, total = AESGCM(KEY), MIB + 16, 0
    for start in range(0, size, 4 * step):
        part = memoryview(obstore.get_range(store, "blob", start=start, end=min(start + 4 * step, size)))
        for at in range(0, len(part), step):
            number = (start + at) // step
            total += len(cipher.decrypt(number.to_bytes(12, "big"), part[at : at + step], None))
    return total


def synced(path: Path) -> None:
    """Wait for the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def drain(store: RetentionStore, asset: str) -> int:
    """Read all of it; its bytes."""
    return sum(map(len, store.get(asset, purpose="generation", who="bench")))


def seconds(do: Callable[[], Any]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    do()
    return time.perf_counter() - begun


def measure(folder: Path, place: Any, megabytes: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of interleaved rounds, in MB/s, and ratios of each round's two."""
    piece = os.urandom(MIB)
    bare = LocalStore(folder / "bare", mkdir=True) if place is None else place
    times: dict[str, list[float]] = {}

    def note(name: str, do: Callable[[], Any]) -> None:
        times.setdefault(name, []).append(seconds(do))

    keys = FileKeys.create(folder / "keys")
    with Ledger(folder / "ledger", Signer.generate()) as ledger:
        store = RetentionStore(
            rules.shipped(),
            database=f"sqlite:///{folder / 'store.sqlite'}",
            blobs=place or folder / "blobs",
            keys=keys,
            ledger=ledger,
        )
        with store:
            for _ in range(rounds + 1):  # the first is to warm up
                note("put", lambda: store.put(pieces(megabytes, piece), media_type="image/png", **SAID))
                (kept,) = store.kept(person="p")
                note("put bare", lambda: obstore.put(bare, "blob", sealed(pieces(megabytes, piece))))
                if place is None:
                    times["put bare, fsync"] = [*times.get("put bare, fsync", []), times["put bare"][-1]]
                    times["put bare, fsync"][-1] += seconds(lambda: synced(folder / "bare" / "blob"))
                note("get", partial(drain, store, kept.asset))
                note("get bare", lambda: opened(bare, megabytes * (MIB + 16)))
                store.delete(kept.asset, who="bench", why="measured")
                obstore.delete(bare, "blob")
    size = megabytes * MIB / 1e6
    found = {name: [size / each for each in some[1:]] for name, some in times.items()}
    rows = {name: {"MB/s": statistics.median(some)} for name, some in found.items()}
    for name, against in (("put", "put bare"), ("put", "put bare, fsync"), ("get", "get bare")):
        if against in found:
            ratios = [mine / other for mine, other in zip(found[name], found[against], strict=True)]
            rows[against] |= {"ratio": statistics.median(ratios), "lowest": min(ratios)}
    return rows


PEAK = """
import sys
from pathlib import Path
from benchmarks.retention import SAID, MIB, pieces
from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore

def peak():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM")).split()[1])

folder, megabytes, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with Ledger(folder / "ledger", Signer.generate()) as ledger:
    store = RetentionStore(rules.shipped(), database=f"sqlite:///{folder}/store.sqlite", blobs=folder / "blobs",
                           keys=FileKeys.create(folder / "keys"), ledger=ledger)
    kept = store.put(pieces(2, bytes(MIB)), media_type="image/png", **SAID)
    sum(map(len, store.get(kept.asset, purpose="generation", who="bench")))
    before = peak()
    kept = store.put(pieces(megabytes, bytes(MIB)), media_type="image/png", **SAID)
    if what == "get":
        before = peak()
        sum(map(len, store.get(kept.asset, purpose="generation", who="bench")))
    print((peak() - before) / 1024)
"""


def memory(megabytes: int, what: str) -> float:
    """MiB that one put, or one get after it, adds to the process's peak."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", PEAK, folder, str(megabytes), what]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--s3", action="store_true", help="also in the S3 server that the tests start")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        places: dict[str, Any] = {"folder": None}
        if options.s3:
            from obstore.store import S3Store

            from tests.servers.s3 import S3Server

            server = stack.enter_context(S3Server())
            places["s3"] = S3Store(server.fresh_bucket(), **server.options())
        for name, place in places.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name] = measure(Path(folder), place, options.megabytes, options.rounds)
    table = Table("", "MB/s", "store / this", "lowest", title=f"{options.megabytes} MiB, medians of {options.rounds}")
    for place_name, rows in found.items():
        for name, row in rows.items():
            ratio = [f"{row[key]:.2f}" if key in row else "" for key in ("ratio", "lowest")]
            table.add_row(f"{place_name}: {name}", f"{row['MB/s']:.0f}", *ratio)
    console = Console()
    console.print(table)
    found["memory MiB"] = {f"{what} {size}": memory(size, what) for what in ("put", "get") for size in (100, 500)}
    for name, mebibytes in found["memory MiB"].items():
        console.print(f"peak over what was open, {name} MB: {mebibytes:.1f} MiB")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
