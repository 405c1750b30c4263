"""The faults "worker killed": SIGKILL to a worker that has a request open in every stage at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Final

from facegate.audit.faults.processes import Process
from facegate.audit.faults.report import CellResult, FaultReport
from facegate.audit.faults.search import Found, Person, Searcher
from facegate.errors import FacegateError
from facegate.receipt import verify

_DEATH_SECONDS: Final = 10.0


def kill_workers(cells: list[CellResult], times: int, searcher: Searcher, report: FaultReport) -> None:
    """Start a worker with a request in the stage of each cell and kill it, `times` times."""
    person = searcher.invite(cells[0].seed)
    for _ in range(times):
        _kill_one(cells, person, searcher, report)
    found = searcher.search(searcher.worker())
    report.scans += 1
    for cell in cells:
        _note(cell, found)


def _note(cell: CellResult, found: Found) -> None:
    cell.residue_bytes += found.bytes
    if found.bytes:
        cell.fail(f"{found.bytes} bytes of the person were found in memory ({found.where})")
    if found.doubt:
        cell.doubt(found.doubt)


def _kill_one(cells: list[CellResult], person: Person, searcher: Searcher, report: FaultReport) -> None:
    command = [sys.executable, "-m", "facegate.audit.faults.victim", *(cell.stage for cell in cells)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=False
    ) as worker:
        try:
            held, receipts = _wait_held(worker, person.data)
            if held is not None and not report.control_fired:
                report.control_fired = searcher.search({worker.pid, *(each.pid for each in held)}).bytes > 0
        finally:
            worker.kill()
            worker.wait()
    for cell in cells:
        cell.requests += 1
    if held is None:
        for cell in cells:
            cell.fail("the worker did not come to where it was to be killed")
        return
    until = time.monotonic() + _DEATH_SECONDS
    while (left := [each for each in held if each.alive]) and time.monotonic() < until:
        time.sleep(0.005)
    found = searcher.search({each.pid for each in left}) if left else None
    for number, cell in enumerate(cells):
        if left:
            cell.orphans += len(left)
            cell.fail(f"{len(left)} processes outlived their worker")
        if found is not None:
            _note(cell, found)
        if receipts.get(f"victim-{number}") != ["OPEN"]:
            cell.missing_receipts += 1
            cell.fail("the receipts are not one OPEN that verifies and no CLOSE")


def _wait_held(worker: subprocess.Popen[bytes], data: bytes) -> tuple[list[Process] | None, dict[str, list[str]]]:
    """The processes below the worker when all its requests are in their stages, and the receipts until then."""
    assert worker.stdin is not None  # noqa: S101 - both are pipes
    assert worker.stdout is not None  # noqa: S101
    worker.stdin.write(data)
    worker.stdin.close()
    receipts: dict[str, list[str]] = {}
    for line in worker.stdout:
        said: dict[str, Any] = json.loads(line)
        if "receipt" in said:
            try:
                seen = verify(said["receipt"], allow_open=True)
            except FacegateError:
                continue
            receipts.setdefault(seen.request_id, []).append("OPEN" if seen.outcome is None else "CLOSE")
        else:
            held = said.get("held")
            return (None if held is None else [Process(*each) for each in held]), receipts
    return None, receipts
