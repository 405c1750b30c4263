"""A memory cgroup for one child, where this user may make one; version 1 and 2."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
# Far above what a child touches anew in a request, far below what it then tries to touch.
LIMIT: Final = 128 << 20
_LIMIT_FILES: Final = ("memory.max", "memory.limit_in_bytes")
_serial = itertools.count()


class CgroupError(Exception):
    """There is no memory cgroup to be had; the message says why."""


class Cgroup:
    """A cgroup of its own for one process.

    Attributes:
        written: bytes that this process wrote to the kernel for it.

    Raises:
        CgroupError: it cannot be made.
    """

    def __init__(self) -> None:
        self.written = 0
        reasons = []
        for parent in _parents():
            self._path = parent / f"facegate-faults-{os.getpid()}-{next(_serial)}"
            try:
                self._make()
            except OSError as error:
                reasons.append(f"{parent}: {os.strerror(error.errno or 0)}")
            else:
                return
        raise CgroupError("no memory cgroup can be made: " + ("; ".join(reasons) or "none is mounted"))

    def _make(self) -> None:
        self._path.mkdir()
        try:
            name = next((name for name in _LIMIT_FILES if (self._path / name).exists()), _LIMIT_FILES[0])
            self._write(name, str(LIMIT))
            if (self._path / "memory.swap.max").exists():  # a host without swap has no such file, and needs none
                self._write("memory.swap.max", "0")
        except OSError:
            self._path.rmdir()
            raise

    def _write(self, name: str, value: str) -> None:
        self.written += (self._path / name).write_text(value, encoding="ascii")

    def take(self, pid: int) -> None:
        """Move a process in; what it touched before stays on its old group's account.

        Raises:
            CgroupError: the kernel refused.
        """
        try:
            self._write("cgroup.procs", str(pid))
        except OSError as error:
            raise CgroupError(f"a child cannot be moved to a memory cgroup: {os.strerror(error.errno or 0)}") from None

    def remove(self) -> None:
        """Take it away; its process is dead, though the kernel may take a moment to see that."""
        until = time.monotonic() + 5
        while True:
            try:
                self._path.rmdir()
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return


def _parents() -> Iterator[Path]:
    """Where a group may be made: below this process's own, or beside it."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            yield _ROOT / "memory" / path.lstrip("/")
        elif not controllers and (_ROOT / "cgroup.controllers").exists():
            own = _ROOT / path.lstrip("/")
            yield from (own, own.parent)
