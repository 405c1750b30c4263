"""What the kernel says of processes: who is below whom, who lives, what this one holds."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from facegate.aio import PURGERS
from facegate.memory.locks import kernel_locked_bytes


@dataclass(frozen=True, slots=True)
class Process:
    """A process for certain, also after its number was given to another.

    Attributes:
        pid: its number.
        started: clock ticks after boot.
    """

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it runs, or is dead and nobody has asked how it ended."""
        return identify(self.pid) == self


def identify(pid: int) -> Process | None:
    """The process that has the number now."""
    found = _stat(pid)
    return None if found is None else Process(pid, int(found[19]))


def below(root: int) -> set[int]:
    """Numbers of all processes that descend from one, or that were started in a session of one of those."""
    parents: dict[int, int] = {}
    sessions: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := _stat(int(entry))) is not None:
            parents[int(entry)], sessions[int(entry)] = int(found[1]), int(found[3])
    reached: set[int] = set()
    fringe = {root}
    while fringe:
        fringe = (
            {
                pid
                for pid, parent in parents.items()
                if (parent in fringe or (sessions[pid] in fringe and sessions[pid] != sessions.get(root)))
            }
            - reached
            - {root}
        )
        reached |= fringe
    return reached


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` behind the name: state, parent, group, session, ..."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What this process holds that a request could leave behind.

    Attributes:
        descriptors: open ones.
        mappings: of arenas, uploads, outputs and windows.
        locked: bytes, as the kernel counts them.
        processes: below this one.
        threads: of this one, but for the few that purge for asyncio: they stay, and wait for the next.
        written: bytes given to ``write`` and its kin so far, files, pipes and terminals alike; sockets are not counted.
    """

    descriptors: int
    mappings: int
    locked: int
    processes: int
    threads: int
    written: int

    def more_than(self, before: Holdings) -> list[str]:
        """What there is more of than there was, in words; but for what was written, which is known sooner."""
        then, now = asdict(before), asdict(self)
        return [
            f"{name}: {then[name]} before, {now[name]} after"
            for name in now
            if now[name] > then[name] and name != "written"
        ]


def holdings(processes: int) -> Holdings:
    """Of this process, now; how many processes are below it, the caller knows."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    counted = Path("/proc/self/io").read_text(encoding="ascii").split()
    return Holdings(
        descriptors=len(os.listdir("/proc/self/fd")),
        mappings=maps.count("memfd:facegate") + maps.count("secretmem"),
        locked=kernel_locked_bytes(),
        processes=processes,
        threads=sum(not thread.name.startswith(PURGERS) for thread in threading.enumerate()),
        written=int(counted[counted.index("wchar:") + 1]),
    )
