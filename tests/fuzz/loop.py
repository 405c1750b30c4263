"""The process that tries the inputs: ``python -m tests.fuzz.loop TARGET SEED CASES PROGRESS [LINEAGE]``.

An input is made from a seed of its target by one mutation or, where coverage led there, by a chain of them, each drawn
from a number. So its name, ``jpeg-grey:20311:20977``, is all that it takes to make it again.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import random
import resource
import struct
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.coverage import Coverage
from tests.fuzz.targets import TARGETS, Target

PROGRESS_BYTES = 4096
# Processor time for one input. On the wall it may be more, since tests share their cores.
SLOWEST_SECONDS = 2.0
_GROWTH_BYTES = 48 << 20
_ADDRESS_SPACE = 4 << 30
_GUIDED_EVERY = 4
_MOST_FOUND = 20
_CORPUS = 3000


@dataclass(slots=True)
class Report:
    """What one run did.

    Attributes:
        target: name of the fuzzer.
        inputs: how many were tried.
        seconds: wall time.
        slowest: processor time of the slowest input, seconds.
        outcomes: how often each came.
        edges: of the followed files that were taken.
        kept: inputs that took new ones and were mutated further.
        grown: resident memory, from a quarter of the way to the end, bytes.
        descriptors: more at the end than at the beginning.
        findings: name of an input, and what it did that it must not.
    """

    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    edges: int = 0
    kept: int = 0
    grown: int = 0
    descriptors: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)


class Progress:
    """Says outside, in shared memory, which input is being tried: a process that crashed cannot be asked."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, PROGRESS_BYTES)
        self._count = 0

    def begin(self, name: str) -> None:
        """Name the next input."""
        self._count += 1
        text = name.encode()[: PROGRESS_BYTES - 16]
        self._map[: 16 + len(text)] = struct.pack("<QQ", self._count, len(text)) + text


def fuzz(target: Target, seed: int, cases: int, progress: Progress) -> Report:
    """Try `cases` inputs, the first drawn from `seed`, the next from the number after it, and so on."""
    seeds = target.seeds()
    corpus: list[tuple[str, Any]] = list(seeds.items())
    report, outcomes = Report(target.name), Counter[str]()
    coverage = Coverage(target.follow) if target.follow else None
    found: set[str] = set()
    descriptors, resident = _descriptors(), 0
    begun = time.monotonic()
    for number in range(seed, seed + cases):
        choice = random.Random(~number)
        # Half of the inputs come from the seeds themselves, or a few deep lineages would take all the time.
        stem, value = corpus[choice.randrange(len(corpus) if number & 1 else len(seeds))]
        name = f"{stem}:{number}"
        progress.begin(name)
        value = target.mutate(value, random.Random(number))
        new, before = False, time.thread_time()
        try:
            if coverage is not None and number % _GUIDED_EVERY == 0:
                outcome, new = coverage.run(lambda value=value: target.run(value))  # type: ignore[misc]
            else:
                outcome = target.run(value)
        except Exception as error:
            outcome = "finding"
            _note(report, found, name, f"{type(error).__name__} at {_place(error)}")
        took = time.thread_time() - before
        report.slowest = max(report.slowest, took)
        if took > SLOWEST_SECONDS:
            _note(report, found, name, f"took {took:.1f} s")
        outcomes[outcome] += 1
        if new and len(corpus) < _CORPUS:
            corpus.append((name, value))
        if number == seed + cases // 4:
            resident = _resident()
        if len(report.findings) >= _MOST_FOUND:
            break
    report.inputs = sum(outcomes.values())
    report.seconds = time.monotonic() - begun
    report.outcomes = dict(outcomes.most_common())
    report.edges = len(coverage.seen) if coverage else 0
    report.kept = len(corpus) - len(seeds)
    report.grown, report.descriptors = _resident() - resident, _descriptors() - descriptors
    if report.grown > _GROWTH_BYTES:
        report.findings.append(("all", f"memory grew by {report.grown >> 20} MiB"))
    if report.descriptors:
        report.findings.append(("all", f"{report.descriptors} descriptors were left open"))
    return report


def replay(target: Target, name: str, progress: Progress) -> Report:
    """Try one input by its name; what it raises is raised."""
    stem, *numbers = name.split(":")
    value = target.seeds()[stem]
    for number in numbers:
        value = target.mutate(value, random.Random(int(number)))
    progress.begin(name)
    return Report(target.name, 1, outcomes={target.run(value): 1})


def _note(report: Report, found: set[str], name: str, what: str) -> None:
    if what not in found:
        found.add(what)
        report.findings.append((name, what))


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "facegate" in frame.filename] or list(frames)
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def main(target: str, seed: str, cases: str, progress: str, *only: str) -> None:
    """Run, and print the report as JSON; nothing else reaches standard output or error but a crash."""
    said, cried = os.dup(1), os.dup(2)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, resource.getrlimit(resource.RLIMIT_AS)[1]))
    fuzzer, where = TARGETS[target](), Progress(int(progress))
    if only:
        report = replay(fuzzer, only[0], where)
    else:
        faulthandler.enable(cried)
        # Native libraries describe damage here, as in a child, where nobody listens either.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        report = fuzz(fuzzer, int(seed), int(cases), where)
    os.write(said, json.dumps(asdict(report)).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
