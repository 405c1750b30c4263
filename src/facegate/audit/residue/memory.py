"""A whole process: every map of it, page by page, but for the scanner's own buffer and what is known of files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from facegate.audit.residue.file_pages import FilePages, Pagemap
from facegate.audit.residue.maps import KERNELS, Mapped, maps_of, present
from facegate.audit.residue.reading import Memory
from facegate.audit.residue.report import Unread
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.sweep import Sweep
from facegate.sizes import page_ceil

OWN_BUFFER: Final = "the scanner's own buffer"
ALL: Final = "all of its memory"
_ENDED: Final = "the process has ended, and its pages went back to the kernel"
_OF_KERNEL: Final = "the kernel's own pages, to which no process stores"
_PAST_END: Final = "past the end of its file, where there are no pages"


def sweep_process(pid: int, sweep: Sweep, scratch: Scratch, files: FilePages) -> int:
    """Look at all the memory of a process.

    Args:
        pid: of the process, this one or another.
        sweep: keeps account.
        scratch: the scanner's own buffer, which is left out of this process and noted.
        files: pages of files that were looked at in another process, and are the same here.

    Returns:
        Bytes that are mapped but were never touched.
    """
    absent = 0
    try:
        with Memory(pid) as memory, Pagemap(pid) as pagemap:
            for mapped in maps_of(pid):
                if mapped.name in KERNELS:
                    size = mapped.end - mapped.start
                    sweep.unreadable.append(Unread(mapped.name, mapped.start, size, "not tried", _OF_KERNEL))
                    continue
                of_file = mapped.has_file and not mapped.shared and not mapped.secret
                rest = files.rest(pagemap, mapped) if of_file else None
                if rest is not None and not rest.ranges:
                    continue
                limit = _end_of_file(pid, mapped)
                if rest is None:
                    absent += mapped.end - mapped.start
                    for start, end in _without(present(pid, mapped), pid, scratch):
                        absent -= end - start
                        sweep.over(memory, start, min(end, limit), mapped.name, mapped.inode)
                else:
                    ranges = [(start, min(end, limit)) for start, end in rest.ranges if start < limit]
                    done = [sweep.over(memory, start, end, mapped.name, mapped.inode) for start, end in ranges]
                    if done == [end - start for start, end in ranges]:
                        files.read(pagemap, mapped, rest, limit)
                if limit < mapped.end:
                    beyond = Unread(mapped.name, limit, mapped.end - limit, "not tried", _PAST_END, mapped.inode)
                    sweep.unreadable.append(beyond)
    except (ProcessLookupError, FileNotFoundError):
        sweep.unreadable.append(Unread(ALL, 0, 0, "no such process", _ENDED))
    except OSError as error:
        sweep.unreadable.append(Unread(ALL, 0, _resident(pid), os.strerror(error.errno or 0)))
    if pid == os.getpid():
        absent -= scratch.size
    return absent


def _without(ranges: Iterator[tuple[int, int]], pid: int, scratch: Scratch) -> Iterator[tuple[int, int]]:
    """The ranges less the scanner's own buffer, where it is in them."""
    if pid != os.getpid():
        yield from ranges
        return
    first, last = scratch.address, scratch.address + scratch.size
    for start, end in ranges:
        for begin, stop in ((start, min(end, first)), (max(start, last), end)):
            if begin < stop:
                yield begin, stop


def _end_of_file(pid: int, mapped: Mapped) -> int:
    """The address at which the pages of a file end, or the map does; behind it there is nothing to read.

    A private map may have pages of its own there only if the file was shortened; those the kernel has taken away, too.
    """
    if not mapped.has_file or mapped.secret:
        return mapped.end
    behind = _behind(pid, mapped)
    if behind is None or not stat.S_ISREG(behind.st_mode):
        return mapped.end
    return min(mapped.end, max(mapped.start, mapped.start + page_ceil(behind.st_size) - mapped.offset))


def _behind(pid: int, mapped: Mapped) -> os.stat_result | None:
    """The file behind a map, through its path where the kernel shows the file itself to root alone."""
    for path in (f"/proc/{pid}/map_files/{mapped.start:x}-{mapped.end:x}", mapped.name):
        try:
            there = Path(path).stat()
        except OSError:
            continue
        if path != mapped.name or (there.st_dev, there.st_ino) == mapped.inode:
            return there
    return None


def _resident(pid: int) -> int:
    """Bytes that a process has in memory, which is all that is known of one that cannot be read."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
