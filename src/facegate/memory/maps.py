"""What the kernel says about the maps of a process: ``/proc/self/smaps``, a slow file to read, some milliseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEAD: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+\s*(.*)")


@dataclass(frozen=True, slots=True)
class Map:
    """One line of it.

    Attributes:
        start: first address.
        end: first address after it.
        access: e.g. ``"rw-s"``.
        name: of the file, or what the kernel calls it.
        flags: VmFlags: ``lo`` locked, ``dd`` not dumped, ``dc`` not forked, ``nh`` no huge pages, ``mg`` merged.
    """

    start: int
    end: int
    access: str
    name: str
    flags: frozenset[str]


def maps(process: int | None = None) -> list[Map]:
    """All maps of a process, by default this one, by address.

    Raises:
        OSError: the kernel does not show them.
    """
    found: list[Map] = []
    head: tuple[str, ...] = ()
    for line in Path(f"/proc/{process or 'self'}/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmFlags:"):
            start, end, access, name = head
            found.append(Map(int(start, 16), int(end, 16), access, name, frozenset(line.split()[1:])))
        elif (matched := _HEAD.fullmatch(line)) is not None:
            head = matched.groups()
    return found
