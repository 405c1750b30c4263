"""Run the matrix, or replay a cell: ``python -m facegate.audit.faults [STAGE FAULT] [--seed N] [--requests N]``.

``--thin N`` runs every Nth cell along the diagonals, so that up to N = 8 every fault and every stage has some.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from facegate.audit.faults import FAULTS, SENSELESS, STAGES, cells, run
from facegate.audit.faults.report import CellResult


def main() -> int:
    """Exit code 0 if every cell is ok, 1 if not, 2 for a cell that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m facegate.audit.faults", description="Run the fault matrix.")
    parser.add_argument("stage", nargs="?", choices=STAGES, help="one stage; all by default")
    parser.add_argument("fault", nargs="?", choices=FAULTS, help="one fault")
    parser.add_argument("--seed", type=int, help="of the run, 1 by default; with STAGE and FAULT, the cell's own")
    parser.add_argument("--requests", type=int, help="faulted requests: 12000, or 20 for a cell")
    parser.add_argument("--thin", type=int, choices=range(1, 9), default=1, help="run every Nth cell only")
    parser.add_argument("--json", type=Path, help="where to put the report")
    options = parser.parse_args()
    if (options.stage is None) != (options.fault is None):
        parser.error("a cell has a STAGE and a FAULT")
    if options.stage is not None and options.thin > 1:
        parser.error("a cell is run alone, without --thin")
    if options.stage is None:
        some = [(s, f) for s, f in cells() if (STAGES.index(s) + FAULTS.index(f)) % options.thin == 0]
        report = run(some, requests=options.requests or 12_000, seed=options.seed or 1, progress=_show)
    else:
        cell = (options.stage, options.fault)
        if cell in SENSELESS:
            parser.error(f"{cell[0]} x {cell[1]} makes no sense: {SENSELESS[cell]}")
        report = run([cell], requests=options.requests or 20, cell_seed=options.seed, progress=_show)
    told = report.as_dict()
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    _say(
        f"{report.requests} faulted requests in {report.seconds:.0f} s: {told['residue_bytes']} bytes of residue, "
        f"{told['missing_receipts']} missing receipts, {told['orphans']} orphans; {'ok' if report.passed else 'NOT ok'}"
    )
    return 0 if report.passed else 1


def _show(cell: CellResult) -> None:
    _say(
        f"{cell.stage:8} {cell.fault:14} seed {cell.seed:10} requests {cell.requests:4} {cell.result}"
        + (f": {cell.detail}" if cell.detail else "")
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program's own output


if __name__ == "__main__":
    sys.exit(main())
