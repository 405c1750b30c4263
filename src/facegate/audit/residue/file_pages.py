"""Pages of files that are mapped unchanged, by libraries above all: the same in every process, so read once in a scan.

Of what a worker, its zygote and their children have in memory, libraries are four fifths, and a scan that read them for
each process took twice as long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue.maps import Mapped

Mask: TypeAlias = NDArray[np.bool_]
# pagemap. A page of a private map that the process stored to is in memory or in swap, and not of the file any more.
_IN_MEMORY: Final = np.uint64(1 << 63)
_IN_SWAP: Final = np.uint64(1 << 62)
_OF_FILE: Final = np.uint64(1 << 61)
_GUARD: Final = np.uint64(1 << 58)


@dataclass(frozen=True, slots=True)
class Rest:
    """What is still to be looked at of a map.

    Attributes:
        ranges: addresses, first and first after; with a page on either side, for what lies across a border.
        unchanged: pages of the map that are the file's own, or None where the kernel does not say.
    """

    ranges: tuple[tuple[int, int], ...]
    unchanged: Mask | None


class Pagemap:
    """What the kernel says of a process's pages, if it says anything to us.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._fd = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def entries(self, first: int, count: int) -> NDArray[np.uint64] | None:
        """One entry for each page; None where it does not say.

        Args:
            first: number of the first page.
            count: how many.
        """
        try:
            found = np.frombuffer(os.pread(self._fd, count * 8, first * 8), np.uint64)
        except OSError:
            return None
        return found if len(found) == count else None


class FilePages:
    """Which pages of which files were looked at in this scan."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, tuple[int, int]], Mask] = {}
        self._page = os.sysconf("SC_PAGE_SIZE")

    def rest(self, pagemap: Pagemap, mapped: Mapped) -> Rest:
        """What of a private map of a file is not known; all of it where the kernel does not say.

        Args:
            pagemap: of the process.
            mapped: the map.
        """
        unchanged = self._unchanged(pagemap, mapped)
        if unchanged is None:
            return Rest(((mapped.start, mapped.end),), None)
        wanted = ~(unchanged & self._of(mapped, len(unchanged)))
        wanted[1:] |= wanted[:-1].copy()
        wanted[:-1] |= wanted[1:].copy()
        return Rest(tuple(self._runs(mapped, wanted)), unchanged)

    def read(self, pagemap: Pagemap, mapped: Mapped, rest: Rest, end: int) -> None:
        """Note that the rest was read; a page that was stored to meanwhile is not known.

        Args:
            pagemap: of the process.
            mapped: the map.
            rest: of it.
            end: an address in it, up to which it was read.
        """
        now = self._unchanged(pagemap, mapped)
        if rest.unchanged is not None and now is not None:
            until = (end - mapped.start) // self._page
            self._of(mapped, until)[:] |= (now & rest.unchanged)[:until]

    def _of(self, mapped: Mapped, pages: int) -> Mask:
        """The part of a file's pages that a map begins with, to be written to."""
        key, first = (mapped.name, mapped.inode), mapped.offset // self._page
        seen = self._seen.get(key)
        if seen is None or len(seen) < first + pages:
            longer = np.zeros(first + pages, np.bool_)
            if seen is not None:
                longer[: len(seen)] = seen
            self._seen[key] = seen = longer
        return seen[first : first + pages]

    def _unchanged(self, pagemap: Pagemap, mapped: Mapped) -> Mask | None:
        entries = pagemap.entries(mapped.start // self._page, (mapped.end - mapped.start) // self._page)
        if entries is None:
            return None
        # Anything else is looked at: swapped out, moved by the kernel just now, a guard page.
        said = entries & (_IN_MEMORY | _IN_SWAP | _OF_FILE | _GUARD)
        unchanged: Mask = (said == 0) | (said == (_IN_MEMORY | _OF_FILE))
        return unchanged

    def _runs(self, mapped: Mapped, wanted: Mask) -> Iterator[tuple[int, int]]:
        there = np.concatenate(([False], wanted, [False]))
        for first, last in np.flatnonzero(there[1:] != there[:-1]).reshape(-1, 2).tolist():
            yield mapped.start + first * self._page, mapped.start + last * self._page
