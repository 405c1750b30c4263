"""How fast the residue scanner is, beside what memory allows: reading it once, copying it, having the kernel copy it.

``python -m benchmarks.residue [--mib 512] [--runs 7] [--json FILE]``
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import facegate
from facegate.audit.residue import Markers, scan, tree
from facegate.audit.residue.reading import Bytes, Memory
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.search import BLOCK, Search
from facegate.audit.residue.sweep import Sweep


def markers() -> Markers:
    """As many as a request has: landmarks, an embedding, a crop."""
    chance = np.random.default_rng(1)
    return Markers.of(
        landmarks=chance.normal(300, 50, (478, 3)).astype(np.float32),
        embedding=chance.normal(0, 0.03, 1404).astype(np.float32),
        pixels=chance.integers(0, 256, (256, 256, 3), dtype=np.uint8),
    )


def speed(size: int, runs: int, work: Callable[[], object]) -> float:
    """MiB per second, median."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return size / statistics.median(taken) / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    size = (options.mib << 20) // BLOCK * BLOCK
    # Private, so that the kernel's copy is of pages that a program has; random, which is the slowest to search.
    memory = np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
    words = memory.view(np.uint64)
    step = BLOCK // 8
    chance = np.random.default_rng(2)
    for at in range(0, words.size, step):
        words[at : at + step] = chance.integers(0, 2**63, step, dtype=np.uint64)
    with markers() as looked_for, Scratch(3 * BLOCK) as scratch, Memory(os.getpid()) as own:
        search = Search(looked_for, scratch)

        def copy() -> None:
            for at in range(0, size, BLOCK):
                search.block[:BLOCK] = memory[at : at + BLOCK]

        def read() -> None:
            for at in range(0, size, BLOCK):
                own.read(search.block[:BLOCK], memory.ctypes.data + at)

        def look() -> None:
            for at in range(0, size, BLOCK):
                search.look(BLOCK, at, {})

        rows = {
            "reading it once (count_nonzero)": speed(size, options.runs, lambda: np.count_nonzero(words)),
            "copying it, block by block": speed(size, options.runs, copy),
            "process_vm_readv alone": speed(size, options.runs, read),
            "search alone": speed(size, options.runs, look),
            "search of this process's own map": speed(
                size, options.runs, lambda: Sweep(search).over(Bytes(memory), 0, size, "")
            ),
            "search of a process's memory": speed(
                size, options.runs, lambda: Sweep(search).over(own, memory.ctypes.data, memory.ctypes.data + size, "")
            ),
        }
        with facegate.Gate() as gate:
            gate.pool.wait_full(30)
            report = scan([pid for pid in tree() if pid != os.getpid()], looked_for)
            rows["scan of a zygote and two spares, files included"] = report.mib_per_second
    count = report.markers
    ceiling = rows["reading it once (count_nonzero)"]
    table = Table("", "MiB/s", "of reading it once", title=f"{count} windows in {size >> 20} MiB of noise")
    for name, value in rows.items():
        table.add_row(name, f"{value:,.0f}", f"1/{ceiling / value:.1f}")
    Console().print(table)
    print(f"the scan: {report.bytes_scanned / 2**20:.0f} MiB in {report.seconds * 1e3:.0f} ms, found {report.found}")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
