"""Drives a search over ranges of a source, and keeps account of what was looked at and what could not be."""

from __future__ import annotations

import os
from typing import Final

from facegate.audit.residue.markers import WINDOW
from facegate.audit.residue.reading import Source
from facegate.audit.residue.report import Hit, Unread
from facegate.audit.residue.search import BLOCK, Found, Search

ENDED: Final = "the process ended while it was read, and its pages went back to the kernel"


class Sweep:
    """What one process, or all files, come to.

    Args:
        search: looks at every block.

    Attributes:
        bytes_scanned: looked at.
        unreadable: what was not.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._found: dict[str, dict[tuple[str, str], Found]] = {}
        self.bytes_scanned = 0
        self.unreadable: list[Unread] = []

    @property
    def hits(self) -> tuple[Hit, ...]:
        """What was found, by place."""
        return tuple(
            Hit(where, kind, encoding, each.count, each.first)
            for where, labels in self._found.items()
            for (kind, encoding), each in labels.items()
        )

    def over(self, source: Source, start: int, end: int, where: str, inode: tuple[int, int] = (0, 0)) -> int:
        """Look at a range; how many bytes of it could be.

        Raises:
            ProcessLookupError: the process is gone.
        """
        search, page, scanned = self._search, os.sysconf("SC_PAGE_SIZE"), 0
        search.begin()
        found: dict[tuple[str, str], Found] = {}
        at = start
        while at < end:
            wanted = min(BLOCK + WINDOW, end - at)
            try:
                got = source.read(search.block[:wanted], at)
            except ProcessLookupError:
                raise
            except OSError as error:
                self._lost(where, at, min(page, end - at), os.strerror(error.errno or 0), inode)
                search.begin()
                at += page
                continue
            if got == 0:
                break
            search.look(got, at, found)
            if got >= BLOCK:
                scanned += BLOCK
                at += BLOCK
            else:
                # Short: the byte after cannot be had, or it is the end. What follows does not follow on.
                scanned += got
                at += got
                search.begin()
        self.bytes_scanned += scanned
        if found:
            self._merge(where, found)
        return scanned

    def _merge(self, where: str, found: dict[tuple[str, str], Found]) -> None:
        there = self._found.setdefault(where, {})
        for label, each in found.items():
            if label in there:
                there[label].count += each.count
            else:
                there[label] = each

    def _lost(self, where: str, first: int, size: int, reason: str, inode: tuple[int, int]) -> None:
        """Note bytes that cannot be had; neighbours become one range."""
        last = self.unreadable[-1] if self.unreadable else None
        if last is not None and (last.where, last.reason) == (where, reason) and last.first + last.bytes == first:
            first, size = last.first, last.bytes + size
            del self.unreadable[-1]
        self.unreadable.append(Unread(where, first, size, reason, inode=inode))
