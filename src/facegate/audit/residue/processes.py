"""Which processes belong to a worker, and what each of them is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from facegate.audit.residue.report import Role

_ZYGOTE: Final = "facegate.sandbox.zygote"


def tree(pid: int | None = None) -> list[int]:
    """A process, by default this one, and all that came of it and still lives; parents before children."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = parent_of(int(entry.name))
            if parent is not None:
                parents[int(entry.name)] = parent
    found = [pid or os.getpid()]
    for each in found:
        found += sorted(child for child, parent in parents.items() if parent == each)
    return found


def parent_of(pid: int) -> int | None:
    """Its parent; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in brackets, may have anything in it, brackets and spaces too.
    return int(stat.rpartition(")")[2].split()[1])


def name_of(pid: int) -> str:
    """The program's name as the kernel has it; empty if there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""


def users_of(pids: Sequence[int]) -> frozenset[int]:
    """All that the processes run as: real, effective, saved and file system users."""
    found: set[int] = set()
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("Uid:"):
                    found.update(map(int, line.split()[1:]))
    return frozenset(found)


def roles(pids: Sequence[int]) -> dict[int, Role]:
    """What each is: a zygote by its command line, which its children share, and the worker by being its parent."""
    zygotes = {pid for pid in pids if _serves(pid) and not _serves(parent_of(pid))}
    workers = {parent_of(pid) for pid in zygotes}
    found: dict[int, Role] = {}
    for pid in pids:
        if pid in zygotes:
            found[pid] = "zygote"
        elif _serves(pid):
            found[pid] = "child"
        else:
            found[pid] = "worker" if pid in workers or pid == pids[0] else "other"
    return found


def _serves(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return _ZYGOTE.encode() in words
