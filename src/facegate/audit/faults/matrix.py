"""Run the fault matrix: every stage, every fault, and after each batch a look at all that could be left."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from facegate.audit.faults import table
from facegate.audit.faults.cgroup import Cgroup, CgroupError
from facegate.audit.faults.course import Course
from facegate.audit.faults.forks import Forks
from facegate.audit.faults.gate import FaultGate
from facegate.audit.faults.killed import kill_workers
from facegate.audit.faults.plan import Plan, seed_of
from facegate.audit.faults.processes import Holdings, holdings
from facegate.audit.faults.report import CellResult, FaultReport
from facegate.audit.faults.search import Found, Searcher
from facegate.audit.faults.stand import Stand
from facegate.audit.faults.witness import collect
from facegate.logs import is_by_the_list

# Requests under way at a time; those that hang wait and take no processor.
_THREADS: Final = {"usual": 4, "hang": 12, "CPU limit": 3}
# From this many requests on, a cell is a batch of its own; below it, a fault's cells share one.
_OWN_BATCH: Final = 8
# How much of an even share a cell gets that takes whole seconds of a processor, or a worker's start.
_SHARES: Final = {"CPU limit": 0.12, "worker killed": 0.6, "hang": 0.6}
_QUIET_SECONDS: Final = 15.0
_SETTLING_SECONDS: Final = 5.0
_MOST_TOLD: Final = 3

Progress = Callable[[CellResult], None]


@dataclass(slots=True)
class _Task:
    cell: CellResult
    number: int
    course: Course | None = None


@dataclass(slots=True)
class _Said:
    """Log records of a batch: who said something, never what."""

    where: list[str] = field(default_factory=list)


def run(
    cells: Sequence[tuple[str, str]] | None = None,
    *,
    requests: int = 12_000,
    seed: int = 1,
    cell_seed: int | None = None,
    progress: Progress | None = None,
) -> FaultReport:
    """Run cells of the matrix in this process, which is the worker.

    Args:
        cells: stages and faults; all that make sense by default.
        requests: faulted requests in all, at least; every cell gets one.
        seed: of the run; each cell's own is made of it.
        cell_seed: the seed of a single cell, to replay it.
        progress: called with each cell when it is done.
    """
    begun = time.monotonic()
    report = FaultReport(seed)
    chosen = table.cells() if cells is None else list(cells)
    for stage, fault in chosen:
        made = seed_of(seed, stage, fault) if cell_seed is None else cell_seed
        report.cells.append(CellResult(stage, fault, made))
    shares = _shares(report.cells, requests)
    with warnings.catch_warnings(), Searcher() as searcher:
        # Python says of every fork of a process with threads that it may go wrong. That is what is tried here.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        for kind in _THREADS:
            mine = [cell for cell in report.cells if _kind(cell.fault) == kind and cell.fault != "worker killed"]
            if mine:
                _run_kind(kind, mine, shares, report, searcher, progress)
        killed = [cell for cell in report.cells if cell.fault == "worker killed"]
        if killed:
            kill_workers(killed, max(shares[id(cell)] for cell in killed), searcher, report)
            _tell(killed, progress)
    if not report.control_fired:
        for cell in report.cells:
            cell.doubt("the search did not find what an open request held")
    report.seconds = time.monotonic() - begun
    return report


def _shares(cells: list[CellResult], requests: int) -> dict[int, int]:
    """How many requests each cell gets."""
    weights = {id(cell): _SHARES.get(cell.fault, 1.0) for cell in cells}
    whole = sum(weights.values())
    return {key: max(1, -(-int(requests * weight) // max(1, int(whole)))) for key, weight in weights.items()}


def _kind(fault: str) -> str:
    return fault if fault in {"hang", "CPU limit"} else "usual"


def _run_kind(
    kind: str,
    cells: list[CellResult],
    shares: dict[int, int],
    report: FaultReport,
    searcher: Searcher,
    progress: Progress | None,
) -> None:
    stand = Stand()
    with stand.open(kind) as gate:
        stand.person = searcher.invite(cells[0].seed)
        report.control_fired |= stand.control(gate, searcher)
        for fault, group in itertools.groupby(sorted(cells, key=_by_fault), key=lambda cell: cell.fault):
            for batch in _batches(list(group), shares):
                if fault == "cgroup OOM" and (why := _no_cgroup()):
                    for cell in batch:
                        cell.doubt(why)
                else:
                    _run_batch(kind, gate, stand, batch, shares, report, searcher)
                _tell(batch, progress)


def _by_fault(cell: CellResult) -> tuple[int, int]:
    return table.FAULTS.index(cell.fault), table.STAGES.index(cell.stage)


def _batches(cells: list[CellResult], shares: dict[int, int]) -> Iterator[list[CellResult]]:
    if shares[id(cells[0])] >= _OWN_BATCH:
        yield from ([cell] for cell in cells)
    else:
        yield cells


def _no_cgroup() -> str:
    try:
        Cgroup().remove()
    except CgroupError as error:
        return str(error)
    return ""


def _run_batch(
    kind: str,
    gate: FaultGate,
    stand: Stand,
    cells: list[CellResult],
    shares: dict[int, int],
    report: FaultReport,
    searcher: Searcher,
) -> None:
    stand.person = searcher.invite(cells[0].seed)
    forks = Forks()
    tasks = [_Task(cell, number) for cell in cells for number in range(shares[id(cell)])]
    gate.pool.wait_full(_QUIET_SECONDS)
    before = _holdings(searcher)
    with _listening() as said:
        _run_tasks(tasks, gate, stand, forks, _THREADS[kind])
    written = _holdings(searcher).written - before.written
    written -= sum(task.course.written for task in tasks if task.course is not None)
    gate.pool.wait_full(_QUIET_SECONDS)
    for task in tasks:
        task.cell.requests += 1
        _judge(task)
    # Errors, with the frames that they went through, and views are kept until now: memory is searched with them in it.
    found = searcher.search(searcher.worker())
    report.scans += 1
    orphans = max(0, len(searcher.worker() - forks.kept) - 1 - before.processes)
    forks.end()
    kept = _let_go(tasks)
    other = [*said.where, *_left(before, searcher), *kept]
    other += [f"the worker wrote {written} bytes to a file, pipe or terminal"] * (written > 0)
    for cell in cells:
        cell.residue_bytes += found.bytes
        cell.orphans += orphans
        _conclude(cell, found, orphans, other)


def _conclude(cell: CellResult, found: Found, orphans: int, other: list[str]) -> None:
    if found.bytes:
        cell.fail(f"{found.bytes} bytes of the person were found in memory ({found.where})")
    if orphans:
        cell.fail(f"{orphans} processes were left")
    for why in list(dict.fromkeys(other))[:_MOST_TOLD]:
        cell.fail(why)
    if found.doubt:
        cell.doubt(found.doubt)


def _run_tasks(tasks: list[_Task], gate: FaultGate, stand: Stand, forks: Forks, threads: int) -> None:
    waiting: queue.SimpleQueue[_Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)

    def work() -> None:
        while True:
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            plan = Plan.of(task.cell.stage, task.cell.fault, task.cell.seed, task.number)
            task.course = Course(plan, stand, forks)
            name = f"{plan.stage}-{plan.fault}-{task.cell.seed}-{task.number}".replace(" ", "-")
            task.course.run(gate, name)

    workers = [threading.Thread(target=work, name=f"facegate-faults-{number}") for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _judge(task: _Task) -> None:
    course = task.course
    if course is None:
        task.cell.fail("a request was not run")
        return
    for why in course.complaints():
        task.cell.fail(why)
    if course.witness is None or course.witness.receipt_missing():
        task.cell.missing_receipts += 1
    elif course.stand.receipts[course.witness.request.request_id] != ["OPEN", "CLOSE"]:
        task.cell.missing_receipts += 1
        task.cell.fail("the receipts were not handed out, OPEN and then CLOSE")
    if course.witness is not None:
        course.witness.look_away()


def _holdings(searcher: Searcher) -> Holdings:
    return holdings(len(searcher.worker()) - 1)


def _left(before: Holdings, searcher: Searcher) -> list[str]:
    """What this process has more of than before, when it has had time to settle."""
    until = time.monotonic() + _SETTLING_SECONDS
    while (left := _holdings(searcher).more_than(before)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _let_go(tasks: list[_Task]) -> list[str]:
    """Drop every reference of ours; whose request is there still, somebody else keeps."""
    witnesses = [task.course.witness for task in tasks if task.course is not None and task.course.witness is not None]
    for witness in witnesses:
        witness.let_go()
    for task in tasks:
        task.course = None
    collect()
    return ["something keeps a request that is over"] * any(witness.kept_alive() for witness in witnesses)


@contextmanager
def _listening() -> Iterator[_Said]:
    """Note who logs: facegate says nothing but its events, while requests fail too; others have nothing to warn of."""
    said = _Said()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not is_by_the_list(record):
                said.where.append(f"{record.filename}:{record.lineno} logged something")

    ear, ours = Ear(), logging.getLogger("facegate")
    level, others = ours.level, ours.propagate
    ours.setLevel(1)
    # Ours alone hears them: whoever else listens would write to a file what was made to be said here.
    ours.propagate = False
    for logger in (ours, logging.getLogger()):
        logger.addHandler(ear)
    try:
        yield said
    finally:
        for logger in (ours, logging.getLogger()):
            logger.removeHandler(ear)
        ours.setLevel(level)
        ours.propagate = others


def _tell(cells: list[CellResult], progress: Progress | None) -> None:
    for cell in cells if progress is not None else []:
        progress(cell)  # type: ignore[misc]
