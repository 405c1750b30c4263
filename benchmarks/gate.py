"""Fails when a benchmark is slower than the committed baseline, by ratios, past the margin stated for each.

``python -m benchmarks.gate [--only NAME]... [--baseline FILE] [--out FILE] [--update [--times 5]]``

Exit codes: 0 nothing is slower, 1 something is or is missing, 2 bad usage. A benchmark that fails is measured again,
twice at most, with twice the rounds, before that counts. ``--update`` measures several times and writes this host's
baseline.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.suite import host, report
from benchmarks.suite.judge import LEAST_RUNS, STRANGER, Verdict, baseline, judge, missing
from benchmarks.suite.pairs import Pair, Result, measure
from benchmarks.suite.registry import PROFILES, UnknownBenchmarkError, select

# How often what fails is measured once more: noise passes, a slowdown of the code stays.
AGAIN = 2
# A load above this, before a baseline is begun, is somebody else's.
BUSY = 1.0
BASELINE = Path(__file__).with_name("baseline.json")


def weigh(pair: Pair, known: dict[str, Any], *, stranger: bool) -> tuple[Result, Verdict]:
    """Measure and judge; what fails is measured again, twice at most, and the kindest verdict stands."""
    result = measure(pair)
    verdict = judge(result, known, stranger=stranger)
    for _ in range(AGAIN):
        if verdict.problem is None or pair.name not in known:
            break
        again = measure(replace(pair, rounds=2 * pair.rounds))
        second = judge(again, known, stranger=stranger)
        if second.slower < verdict.slower:
            result, verdict = again, second
    return result, verdict


def check(path: Path, only: Sequence[str], out: Path | None) -> int:
    """Measure against the baseline; the exit code."""
    hosts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["hosts"]
    stranger = host.key() not in hosts
    row = next(iter(hosts.values())) if stranger else hosts[host.key()]
    known = row["benchmarks"]
    facts, begun = host.facts(), time.monotonic()
    results, verdicts = [], []
    for pair in select(PROFILES["short"], only):
        result, verdict = weigh(pair, known, stranger=stranger)
        results.append(result)
        verdicts.append(verdict)
    gone = [] if only else missing([each.name for each in verdicts], known)
    _show(verdicts, f"{time.monotonic() - begun:.0f} s, against {row['commit']}")
    if stranger:
        print(f"No baseline of this host ({host.key()}): margins are {STRANGER:g} times as wide.", file=sys.stderr)
    if row["load"] > BUSY:
        print(f"The baseline was taken at a load of {row['load']:.1f}: take it again.", file=sys.stderr)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report.build("short", facts, results), indent=2) + "\n", encoding="utf-8")
    for name in gone:
        print(f"FAILED {name}: in the baseline, but not measured any more.", file=sys.stderr)
    failed = [each for each in verdicts if each.problem is not None]
    for each in failed:
        print(f"FAILED {each.name}: {each.problem}.", file=sys.stderr)
    return 1 if failed or gone else 0


def _show(verdicts: Sequence[Verdict], title: str) -> None:
    table = Table(title=f"Regression gate: {title}")
    for heading in ("benchmark", "ratio", "baseline", "slower by", "margin", ""):
        table.add_column(heading, justify="left" if heading in {"benchmark", ""} else "right")
    for each in verdicts:
        word = "FAILED" if each.problem else "ok" if each.gated else "watched only"
        numbers = f"{each.ratio:.3f}", f"{each.baseline:.3f}", f"{each.slower:+.1%}", f"{each.margin:.1%}"
        table.add_row(each.name, *numbers, word)
    Console(width=110).print(table)


def update(path: Path, only: Sequence[str], times: int) -> None:
    """Measure several times and write this host's rows; those of other hosts and of other benchmarks stay."""
    content: dict[str, Any] = {"schema": report.SCHEMA, "hosts": {}}
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
    facts = host.facts()
    runs: list[list[Result]] = []
    for number in range(times):
        runs.append([])
        for pair in select(PROFILES["short"], only):
            runs[-1].append(measure(pair))
            print(f"run {number + 1}, {pair.name}: {runs[-1][-1].ratio:.3f}", file=sys.stderr)
    rows = baseline(runs)
    kept = content["hosts"].get(host.key(), {}).get("benchmarks", {}) if only else {}
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    content["hosts"][host.key()] = {
        "taken": taken,
        "commit": facts["commit"],
        "runs": times,
        "load": facts["load_before"],
        "versions": facts["versions"],
        "benchmarks": kept | rows,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for name, row in rows.items():
        gated = "" if row["gated"] else "  watched only: runs differ by more than a gate can use"
        print(
            f"{name}: ratio {row['ratio']:.3f}, runs differ by {row['spread']:.1%}, margin {row['margin']:.1%}{gated}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gate; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a group or a benchmark")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the run as JSON")
    parser.add_argument("--update", action="store_true", help="write this host's baseline instead of checking")
    parser.add_argument("--times", type=int, default=5, help="runs that a baseline is made of")
    options = parser.parse_args(arguments)
    if not options.update and not options.baseline.exists():
        print(f"There is no baseline {options.baseline}; --update makes one.", file=sys.stderr)
        return 2
    if options.update and options.times < LEAST_RUNS:
        print(f"A baseline needs {LEAST_RUNS} runs or more.", file=sys.stderr)
        return 2
    try:
        if options.update:
            update(options.baseline, options.only, options.times)
            return 0
        return check(options.baseline, options.only, options.out)
    except UnknownBenchmarkError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
