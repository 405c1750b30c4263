"""What protection costs: photo to 478 landmarks at each level, interleaved in one run.

``python -m benchmarks.levels [--rounds 9] [--runs 15] [--against NAME=PYTHON] [--json FILE]``. `--against` adds the
interpreter of another environment, e.g. one with an older facegate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.peers.contender import Contender
from fixtures.portraits import portrait


def measure(photo: str, rounds: int, runs: int, others: dict[str, str]) -> dict[str, list[float]]:
    """Median milliseconds of every round, by contender; they take turns, each round from another one on."""
    contenders = {name: Contender(python, "facegate_isolated.py", photo, "large") for name, python in others.items()}
    for level in ("inline", "process", "sealed"):
        contenders[level] = Contender(sys.executable, "facegate_isolated.py", photo, "large", level)
    medians: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            medians[name].append(statistics.median(contenders[name].time(runs)))
    for contender in contenders.values():
        contender.close()
    return medians


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--against", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    others = dict(each.split("=", 1) for each in options.against)
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "astronaut.jpg"
        Image.fromarray(portrait("astronaut")).save(photo, quality=95)
        medians = measure(str(photo), options.rounds, options.runs, others)
    table = Table(title="JPEG portrait 512x512 -> landmarks of the subject")
    for heading in ("level", "median ms", "min-max of rounds", "sealed is"):
        table.add_column(heading, justify="left" if heading == "level" else "right")
    sealed = statistics.median(medians["sealed"])
    for name, values in medians.items():
        middle = statistics.median(values)
        table.add_row(name, f"{middle:.2f}", f"{min(values):.2f}-{max(values):.2f}", f"{sealed / middle:.3f}x")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
