"""One test of a worker's pipeline under the watchers: what it leaked, with file and line.

Used by `facegate.pytest_plugin`, which imports this when a test asks for it and not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facegate.audit.channels import table, watching
from facegate.audit.exposed import Exposed
from facegate.audit.leaks import ENVIRONMENT, FILES, KEPT, OTHER, PICKLES, WORDS, Allowed, Judge, open_files
from facegate.audit.residue import ResidueReport, scan, tree


@dataclass
class Verdict:
    """What came of one test.

    Attributes:
        leaks: one sentence each, beginning with file and line.
        unverified: channels that could not be watched, and why.
        opened: requests that the test opened.
    """

    leaks: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    opened: int = 0


@contextmanager
def sealed(allowed: Allowed, root: Path) -> Iterator[Verdict]:
    """Watch a block; the verdict is filled when it has ended, unless it raised.

    Args:
        allowed: what it may do.
        root: paths in messages are told from here.
    """
    verdict = Verdict()
    open_before = open_files()
    exposed = Exposed()
    reports: list[ResidueReport] = []

    def search() -> None:
        """Before the watchers compare anything: they would leave what they compare."""
        if allowed.residue and (markers := exposed.markers()) is not None:
            with markers:
                reports.append(scan(tree(), markers))

    judge = Judge(exposed, allowed, root, open_before)
    try:
        with watching(_watchers(), afterwards=search, concerns=judge.concerns) as channels:
            yield verdict
    finally:
        exposed.close()
    verdict.opened = exposed.opened
    verdict.leaks += judge.leaks(channels)
    verdict.unverified += [f"{each.name}: {each.detail}" for each in channels if each.result == "not verified"]
    # Whoever keeps a copy has one in memory; said once is enough.
    if not verdict.leaks:
        verdict.leaks += [each for report in reports for each in _residue(report)]
    if any(not each.verified for each in reports):
        verdict.unverified.append("residue: not all memory could be read")


def _watchers() -> list[Any]:
    names = (*FILES, *WORDS, *PICKLES, *KEPT, *OTHER, ENVIRONMENT)
    return [each for each in table() if each.name.startswith("files: ") or each.name in names]


def _residue(report: ResidueReport) -> Iterator[str]:
    for process in report.processes:
        for hit in process.hits:
            name = hit.kind.rpartition("_")[0]
            place = f"{process.role} {process.pid or ''}".strip()
            yield (
                f"memory of the {place}: residue after the request: {name} as {hit.encoding} in {hit.where}; a copy "
                "was made and not handed to request.adopt(), by this test or by an earlier one with the same picture"
            )
