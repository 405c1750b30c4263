"""Peak memory of a process and of all that it started, watched from outside.

Two figures, because processes share pages: the largest sum of proportional set sizes at any one moment, which counts a
shared page once, and the sum of every process's own peak (VmHWM), which counts it for each and is an upper bound.
"""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread

_PROC = Path("/proc")


class Watch:
    """Samples a tree of processes until it is stopped.

    Attributes:
        most_pss: largest sum of PSS at a moment, bytes; of RSS for a process whose PSS cannot be read.
    """

    def __init__(self, root: int, *, every: float = 0.1) -> None:
        """Begin.

        Args:
            root: process ID of the root of the tree.
            every: seconds between samples: reading PSS walks the page tables of what is measured.
        """
        self.most_pss = 0
        self._peaks: dict[int, int] = {}
        self._root, self._every = root, every
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def peaks(self) -> int:
        """Sum of VmHWM of every process seen, bytes."""
        return sum(self._peaks.values())

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            self._sample()
            # Never more than a tenth of the time: a large tree takes long to read.
            self._over.wait(max(self._every, 9 * (time.monotonic() - begun)))

    def _sample(self) -> None:
        total = 0
        for pid in tree(self._root):
            status = _fields(_PROC / str(pid) / "status")
            self._peaks[pid] = max(self._peaks.get(pid, 0), status.get("VmHWM", 0))
            total += _fields(_PROC / str(pid) / "smaps_rollup").get("Pss", status.get("VmRSS", 0))
        self.most_pss = max(self.most_pss, total)


def tree(root: int) -> list[int]:
    """A process and its descendants that live now."""
    found = [root]
    for pid in found:
        for tasks in (_PROC / str(pid) / "task").glob("*/children"):
            found += [int(each) for each in _read(tasks).split()]
    return found


def _fields(path: Path) -> dict[str, int]:
    """Values in kB of a file of /proc, as bytes by name; none if the process is gone."""
    values = {}
    for line in _read(path).splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            values[name] = int(rest.split()[0]) << 10
    return values


def _read(path: Path) -> str:
    """The text, or nothing where the process is gone or must not be looked into."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
