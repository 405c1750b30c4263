"""The scan itself: every process given, then the files that any of them has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

from facegate.audit.residue.file_pages import FilePages
from facegate.audit.residue.markers import Markers
from facegate.audit.residue.memory import OWN_BUFFER, sweep_process
from facegate.audit.residue.places import SHARED_MEMORY, Places
from facegate.audit.residue.processes import name_of, roles, users_of
from facegate.audit.residue.report import ResidueReport, Role, Scanned, Unread
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.search import BLOCK, Search
from facegate.audit.residue.stopped import stopped
from facegate.audit.residue.sweep import Sweep
from facegate.errors import RequestClosedError

# The block and what is computed from it.
_BUFFER: Final = 3 * BLOCK

Explain = Callable[[Unread], "str | None"]


def scan(
    pids: Sequence[int],
    markers: Markers,
    *,
    explained: Explain | None = None,
    folders: Sequence[Path] = (),
    stop: bool = False,
) -> ResidueReport:
    """Look for markers in the memory of processes, in what they have open or mapped, in ``/dev/shm`` and in folders.

    Secret memory, which the kernel reads for nobody, is read through its owner's descriptor, if that is still open in
    one of the processes and the kernel lends it; then every map of the same memory is explained by it.

    Args:
        pids: of the processes, the worker first; `tree` has all of a worker's. This process may be among them.
        markers: to look for.
        explained: says why a range that could not be read is no loss, e.g. since its owner has read it back, or None;
            asked for those only that nothing else explains. What it answers is in the report.
        folders: looked through, file by file.
        stop: hold the other processes still meanwhile. Their clocks go on, time limits included, and should the scanner
            be killed they stay stopped.

    Returns:
        What was found and what could not be read. Ask it for `found` and for `verified`: the first without the second
        says nothing.

    Raises:
        RequestClosedError: the markers are closed.

    Does not protect against: see `facegate.audit.residue`.
    """
    if not markers.count:
        raise RequestClosedError("The markers are closed.")
    begun = time.monotonic()
    known = roles(pids)
    entries: list[Scanned] = []
    with Scratch(_BUFFER) as scratch, stopped(pids) if stop else nullcontext():
        search, files = Search(markers, scratch), FilePages()
        for pid in pids:
            with _entry(entries, search, pid, known[pid], name_of(pid)) as (sweep, absent):
                absent.append(sweep_process(pid, sweep, scratch, files))
        with _entry(entries, search, None, "files", "") as (sweep, _):
            places = Places(sweep)
            for pid in pids:
                places.descriptors(pid)
                places.mapped(pid)
            for folder in (SHARED_MEMORY, *folders):
                places.folder(folder, users_of(pids))
        own = Unread(OWN_BUFFER, scratch.address, scratch.size, "not tried")
        left = scratch.wipe()
    entries = [
        replace(
            each,
            unreadable=tuple(
                _reasoned(gap, places.secret, explained)
                for gap in (*each.unreadable, *([_own(own, left)] if each.pid == os.getpid() else []))
            ),
        )
        for each in entries
    ]
    return ResidueReport(tuple(entries), markers.count, markers.refused, time.monotonic() - begun)


@contextmanager
def _entry(
    entries: list[Scanned], search: Search, pid: int | None, role: Role, name: str
) -> Iterator[tuple[Sweep, list[int]]]:
    """Time one sweep and put what it found in a list."""
    begun, sweep, absent = time.monotonic(), Sweep(search), list[int]()
    yield sweep, absent
    seconds = time.monotonic() - begun
    entries.append(
        Scanned(pid, role, name, sweep.bytes_scanned, sum(absent), seconds, sweep.hits, tuple(sweep.unreadable))
    )


def _own(own: Unread, left: int) -> Unread:
    return own if left else replace(own, explained="overwritten with zeros after the scan, and read back as zeros")


def _reasoned(gap: Unread, secret: set[tuple[int, int]], explained: Explain | None) -> Unread:
    """The gap with the reason that it is no loss, if there is one."""
    if gap.explained is not None:
        return gap
    if gap.inode in secret:
        return replace(gap, explained="secret memory, read through its owner's descriptor: the same pages")
    return gap if explained is None else replace(gap, explained=explained(gap))
