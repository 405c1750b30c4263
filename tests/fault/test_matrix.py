"""The fault matrix: a third of its cells, with every fault and every stage among them, one request for each.

``FACEGATE_FAULTS=12000`` (``make faults``) is the full profile; ``facegate audit`` runs every cell, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from facegate.audit.faults import FAULTS, SENSELESS, STAGES, cells, run
from facegate.audit.faults.describe import page

REQUESTS = int(os.environ.get("FACEGATE_FAULTS", "1"))
THIN = 1 if "FACEGATE_FAULTS" in os.environ else 3
SEED = int(os.environ.get("FACEGATE_FAULTS_SEED", "1"))
ROOT = Path(__file__).parents[2]


def test_nothing_is_left_by_any_fault_at_any_stage(tmp_path: Path) -> None:
    """In an interpreter of its own: this one has seen other tests' people."""
    command = [sys.executable, "-m", "facegate.audit.faults", "--requests", str(REQUESTS), "--seed", str(SEED)]
    command += ["--thin", str(THIN)]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "report.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280 + REQUESTS,
    )
    print(done.stdout)
    assert done.stderr == ""
    report = json.loads((tmp_path / "report.json").read_text())
    bad = [cell for cell in report["cells"] if cell["result"] == "failed"]
    assert not bad, bad
    # Where no cgroup can be made, those cells say so and are not passed.
    unsure = {cell["fault"] for cell in report["cells"] if cell["result"] == "not verified"}
    assert unsure <= {"cgroup OOM"}, report["cells"]
    assert done.returncode == (1 if unsure else 0)
    assert report["control_fired"]
    assert (report["residue_bytes"], report["missing_receipts"], report["orphans"]) == (0, 0, 0)
    found = [(cell["stage"], cell["fault"]) for cell in report["cells"]]
    assert {stage for stage, _ in found} == set(STAGES)
    assert {fault for _, fault in found} == set(FAULTS)
    assert len(found) == len(set(found)) >= len(cells()) / THIN - 3
    assert report["requests"] >= max(REQUESTS, len(found) - 9 * bool(unsure))


def test_a_cell_is_replayed_alone_with_its_seed() -> None:
    first = run([("mesh", "exception")], requests=3, seed=5)
    (cell,) = first.cells
    again = run([("mesh", "exception")], requests=3, cell_seed=cell.seed)
    assert first.passed
    assert again.passed
    assert again.cells == first.cells


def test_every_cell_is_run_or_said_to_make_no_sense() -> None:
    everything = {(stage, fault) for stage in STAGES for fault in FAULTS}
    assert set(cells()) | set(SENSELESS) == everything
    assert not set(cells()) & set(SENSELESS)
    assert all(SENSELESS.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["purge", "CPU limit"], "makes no sense"),
        (["mesh"], "a cell has a STAGE and a FAULT"),
        (["mesh", "flood"], "invalid choice"),
        (["mesh", "hang", "--thin", "3"], "without --thin"),
    ],
)
def test_a_wrong_cell_is_refused_in_a_sentence(arguments: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "facegate.audit.faults", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_the_shipped_child_knows_no_faults(nobody: bytes) -> None:
    """The command that asks for one is nothing that the workbench of a request has."""
    import facegate
    from facegate.errors import ChildCrashedError

    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        with pytest.raises(ChildCrashedError), gate.open_request("no-faults", purpose="safety") as request:
            request.admit(nobody)
            with request._custody.working():
                request._custody.call(
                    {"do": "fault", "stage": "mesh", "fault": "hang", "moment": "after", "dies": True}
                )


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/faults.md").read_text(encoding="utf-8") == page()
