"""Open and purge with and without a spare, and requests per second.

``python -m benchmarks.lifecycle [--runs 31] [--json FILE]``
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

import facegate
from fixtures.portraits import portrait

_serial = count()


def open_and_purge(gate: facegate.Gate, *, with_spare: bool) -> tuple[float, float]:
    """Milliseconds to open a request and to purge it, nothing in between."""
    if with_spare:
        gate.pool.wait_full(30)
    begun = time.perf_counter()
    request = gate.open_request(f"life-{next(_serial)}", purpose="generation")
    request.open()
    opened = time.perf_counter()
    request.close()
    return (opened - begun) * 1e3, (time.perf_counter() - opened) * 1e3


def throughput(spares: int, threads: int, requests: int, data: bytes) -> float:
    """Whole requests (open, admit, analyze, look, purge) per second."""
    with facegate.Gate(facegate.Policy(spares=spares)) as gate:

        def whole(_: int) -> None:
            with gate.open_request(f"life-{next(_serial)}", purpose="generation") as request:
                faces = request.analyze(request.admit(data), scan="large")
                with faces.subject.expose("landmarks") as xyz:
                    if not xyz.any():
                        raise SystemExit("no landmarks")

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(whole, range(threads)))
            begun = time.perf_counter()
            list(pool.map(whole, range(requests)))
            return requests / (time.perf_counter() - begun)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    file = io.BytesIO()
    Image.fromarray(portrait("astronaut")).save(file, "JPEG", quality=95)
    rows: dict[str, dict[str, float]] = {}
    for name, spares in (("with a spare", 2), ("without spares", 0)):
        with facegate.Gate(facegate.Policy(spares=spares)) as gate:
            pairs = [open_and_purge(gate, with_spare=spares > 0) for _ in range(options.runs)]
        rows[name] = {
            "open ms": statistics.median(pair[0] for pair in pairs),
            "purge ms": statistics.median(pair[1] for pair in pairs),
            "open + purge ms": statistics.median(sum(pair) for pair in pairs),
        }
    table = Table("", "open ms", "purge ms", "open + purge ms", title="Lifecycle, medians")
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.2f}" for value in row.values()))
    Console().print(table)
    rates = {
        f"{threads} threads, {spares} spares": statistics.median(
            throughput(spares, threads, 60, file.getvalue()) for _ in range(5)
        )
        for threads, spares in ((1, 0), (1, 2), (2, 2), (8, 2), (8, 4))
    }
    for name, rate in rates.items():
        Console().print(f"{name}: {rate:.0f} requests/s")
    if options.json:
        options.json.write_text(json.dumps({"lifecycle": rows, "throughput": rates}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
