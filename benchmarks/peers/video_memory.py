"""Whether peak memory grows with a video's length: facegate's profiles and the pure transcode on 10 s and on 60 s.

``python -m benchmarks.peers.video_memory [--rounds 1] [--frames SHORT LONG] [--only NAME]... [--out FOLDER]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.video import cut
from benchmarks.peers.video_report import CEILING
from benchmarks.peers.video_rows import Row, rows
from benchmarks.peers.video_run import run
from benchmarks.suite import host
from fixtures.clips import clip


def measure(chosen: Sequence[Row], lengths: Sequence[int], rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Peak of every row at both lengths, MB, median of rounds in which the rows take turns."""
    whole = clip("bench_60s")
    peaks: dict[str, dict[int, list[float]]] = {row.name: {} for row in chosen}
    for number in range(rounds):
        for frames in lengths:
            subject = cut(whole, frames, folder)
            for row in chosen:
                found = run(row, subject.path, folder / "out.mp4", timeout=3600)
                peaks[row.name].setdefault(frames, []).append(found["peak_mb"])
                print(f"round {number + 1}, {frames} frames, {row.name}: {found['peak_mb']:.0f} MB", file=sys.stderr)
    return compared({name: {n: statistics.median(all_) for n, all_ in each.items()} for name, each in peaks.items()})


def compared(peaks: dict[str, dict[int, float]]) -> list[dict[str, Any]]:
    """Growth from the first length to the last, and what is on top of the ceiling.

    Args:
        peaks: MB by length, by name of the row; all of the same lengths, in order.
    """
    rows_ = []
    for name, by_length in peaks.items():
        short, *_, long = by_length.values()
        over = {str(frames): peak - peaks[CEILING][frames] for frames, peak in by_length.items()}
        megabytes = {str(frames): peak for frames, peak in by_length.items()}
        rows_.append({"name": name, "peak_mb": megabytes, "growth": long / short - 1, "over_ceiling_mb": over})
    return rows_


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.video_memory", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--frames", type=int, nargs=2, default=(300, 1800), metavar=("SHORT", "LONG"))
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="rows besides the ceiling")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    mine = [row for row in rows() if row.environment is None]
    chosen = [row for row in mine if row.name == CEILING or not options.only or row.name in options.only]
    known = host.facts()
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(chosen, options.frames, options.rounds, Path(scratch))
    options.out.mkdir(parents=True, exist_ok=True)
    report = {"host": known, "frames": list(options.frames), "rows": found}
    (options.out / "video-memory.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    table = Table(title="Peak memory of the tree (PSS), MB")
    for heading in ("", *(f"{n} frames" for n in options.frames), "growth", "over the ceiling, at the end"):
        table.add_column(heading, justify="right" if heading else "left")
    for row in found:
        peaks, over = list(row["peak_mb"].values()), list(row["over_ceiling_mb"].values())
        table.add_row(row["name"], *(f"{each:.0f}" for each in peaks), f"{row['growth']:+.1%}", f"{over[-1]:+.0f}")
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
