"""The maps of a process as a scan needs them: what is behind each, and which pages are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

_LINE: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)\s*(.*)")
SECRET: Final = "/secretmem"  # noqa: S105 (the kernel's name of it)
DELETED: Final = " (deleted)"
# Pages of these are the kernel's own: clocks, which no process stores to.
KERNELS: Final = frozenset({"[vvar]", "[vvar_vclock]", "[vsyscall]"})
# pagemap: the page is in memory, or in swap; the second is also said of guard pages, which have a bit of their own.
_THERE: Final = np.uint64(3 << 62)
_GUARD: Final = np.uint64(1 << 58)
_ENTRIES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Mapped:
    """One map.

    Attributes:
        start: first address.
        end: first address after it.
        shared: whether stores reach what is behind it.
        offset: where it begins in the file.
        inode: device and inode of the file; (0, 0) if there is none.
        name: path, or what the kernel calls it; ``"anonymous"`` if it has none.
    """

    start: int
    end: int
    shared: bool
    offset: int
    inode: tuple[int, int]
    name: str

    @property
    def secret(self) -> bool:
        """Whether it is of secret memory, which the kernel reads for nobody."""
        return self.name.removesuffix(DELETED) == SECRET

    @property
    def has_file(self) -> bool:
        """Whether there is a file behind it, one without a name included."""
        return self.inode != (0, 0)


def maps_of(pid: int) -> list[Mapped]:
    """All maps, by address.

    Raises:
        OSError: the kernel does not show them, or the process is gone.
    """
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").split("\n"):
        matched = _LINE.fullmatch(line)
        if matched is not None:
            start, end, access, offset, major, minor, inode, name = matched.groups()
            behind = (os.makedev(int(major, 16), int(minor, 16)), int(inode)) if int(inode) else (0, 0)
            found.append(
                Mapped(int(start, 16), int(end, 16), access[3] == "s", int(offset, 16), behind, name or "anonymous")
            )
    return found


def present(pid: int, mapped: Mapped) -> Iterator[tuple[int, int]]:
    """Ranges of a map that have content, in memory or in swap.

    Of an anonymous private map these are the pages that were ever touched; of any other, all, since a file has content
    that this process has not touched. All too where the kernel does not say.
    """
    if mapped.has_file or mapped.shared or mapped.name in KERNELS:
        yield mapped.start, mapped.end
        return
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        pagemap = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield mapped.start, mapped.end
        return
    try:
        step = _ENTRIES * page
        for start in range(mapped.start, mapped.end, step):
            end = min(start + step, mapped.end)
            entries = np.frombuffer(os.pread(pagemap, (end - start) // page * 8, start // page * 8), np.uint64)
            if len(entries) < (end - start) // page:
                yield start, end  # no answer, which is not the same as no pages
                continue
            touched = ((entries & _THERE) != 0) & ((entries & _GUARD) == 0)
            there = np.concatenate(([False], touched, [False]))
            for first, last in np.flatnonzero(there[1:] != there[:-1]).reshape(-1, 2).tolist():
                yield start + first * page, start + last * page
    finally:
        os.close(pagemap)
