"""Everything beside its ceiling, in one run: JSON, a line in the history, and a page that plots the history.

``python -m benchmarks.run [--profile full|short] [--out FOLDER] [--only NAME]... [--peers] [--no-history]``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.suite import host, report
from benchmarks.suite.page import render
from benchmarks.suite.pairs import Result, measure
from benchmarks.suite.registry import PROFILES, UnknownBenchmarkError, select

HISTORY = Path(__file__).with_name("history.jsonl")


def show(results: Sequence[Result]) -> None:
    """Print what came of it."""
    table = Table(title="Ours beside the ceiling, medians of interleaved rounds")
    for heading in ("benchmark", "ours ms", "ceiling ms", "ratio", "of the ceiling", "spread", "fps", "ceiling"):
        table.add_column(heading, justify="left" if heading in {"benchmark", "ceiling"} else "right")
    for each in results:
        row = each.as_dict()
        ours, ceiling = row["ours"]["median_s"], row["ceiling"]["median_s"]
        fps = f"{each.frames / ours:.1f}" if each.frames else ""
        numbers = f"{ours * 1e3:.3f}", f"{ceiling * 1e3:.3f}", f"{each.ratio:.3f}", f"{1 / each.ratio:.2f}"
        table.add_row(each.pair, *numbers, f"{each.spread:.1%}", fps, each.ceiling_what)
    Console(width=150).print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="full")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), metavar="FOLDER")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a group or a benchmark")
    parser.add_argument("--peers", action="store_true", help="with pairs that need an environment of a peer")
    parser.add_argument("--history", type=Path, default=HISTORY, metavar="FILE")
    parser.add_argument("--no-history", action="store_true", help="leave the history as it is")
    options = parser.parse_args(arguments)
    profile = replace(PROFILES[options.profile], peers=options.peers)
    facts = host.facts()
    results = []
    try:
        for pair in select(profile, options.only):
            results.append(measure(pair))
            print(f"{pair.name}: {results[-1].ratio:.3f}", file=sys.stderr)
    except UnknownBenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    run = report.build(profile.name, facts, results)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "run.json").write_text(json.dumps(report.check(run), indent=2) + "\n", encoding="utf-8")
    if not options.no_history:
        report.append(options.history, run)
    runs = report.load(options.history)
    page = options.out / "history.html"
    page.write_text(render([*runs, run] if options.no_history else runs), encoding="utf-8")
    show(results)
    print(f"{options.out / 'run.json'}, {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
