"""What is outside the processes' maps: files that they have open or mapped, shared memory, folders."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from facegate.audit.residue.maps import DELETED, SECRET, maps_of
from facegate.audit.residue.reading import Bytes, File
from facegate.audit.residue.report import Unread
from facegate.audit.residue.secret import opened
from facegate.audit.residue.sweep import Sweep

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (it is read)
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Places:
    """Reads each file once, however many have it.

    Args:
        sweep: keeps account.

    Attributes:
        secret: device and inode of the secret memory that was read to its end.
    """

    def __init__(self, sweep: Sweep) -> None:
        self.secret: set[tuple[int, int]] = set()
        self._sweep = sweep
        self._seen: set[tuple[int, int]] = set()

    def descriptors(self, pid: int) -> None:
        """All that a process has open: files, deleted ones too, memfds, secret memory."""
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")
        except FileNotFoundError:
            return
        except OSError as error:
            self._lost(f"descriptors of process {pid}", error)
            return
        for number in numbers:
            path = f"/proc/{pid}/fd/{number}"
            try:
                name = str(Path(path).readlink())
                there = Path(path).stat()
            except FileNotFoundError:  # closed meanwhile
                continue
            except OSError as error:
                self._lost(path, error)
                continue
            where = f"{name}, descriptor {number} of process {pid}"
            if name.removesuffix(DELETED) == SECRET:
                self._secret(pid, int(number), (there.st_dev, there.st_ino), where)
            elif stat.S_ISREG(there.st_mode):
                self._file(path, where)

    def mapped(self, pid: int) -> None:
        """Files that a process has mapped shared, or that are deleted: all of them, not the mapped part alone.

        Of others, libraries for example, the maps are all that a process can have stored to.
        """
        try:
            maps = maps_of(pid)
        except OSError:  # noted when its memory was read
            return
        for each in maps:
            if each.has_file and not each.secret and (each.shared or each.name.endswith(DELETED)):
                where = f"{each.name}, mapped by process {pid}"
                self._file(f"/proc/{pid}/map_files/{each.start:x}-{each.end:x}", where)

    def folder(self, path: Path) -> None:
        """All files below a folder."""
        for root, _, names in os.walk(path, onerror=lambda error: self._lost(str(path), error)):
            for name in names:
                each = Path(root, name)
                try:
                    regular = stat.S_ISREG(each.lstat().st_mode)
                except FileNotFoundError:
                    continue
                if regular:
                    self._file(str(each), str(each))

    def _file(self, path: str, where: str) -> None:
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            return
        except OSError as error:
            self._lost(where, error)
            return
        try:
            there = os.fstat(descriptor)
            inode = (there.st_dev, there.st_ino)
            if not stat.S_ISREG(there.st_mode) or inode in self._seen:
                return
            self._seen.add(inode)
            for start, end in _extents(descriptor, there.st_size):
                self._sweep.over(File(descriptor), start, end, where, inode)
        finally:
            os.close(descriptor)

    def _secret(self, pid: int, descriptor: int, inode: tuple[int, int], where: str) -> None:
        if inode in self.secret:
            return
        try:
            with opened(pid, descriptor) as content:
                if self._sweep.over(Bytes(content), 0, content.size, where, inode) == content.size:
                    self.secret.add(inode)
        except FileNotFoundError:
            return
        except OSError as error:
            self._lost(where, error)

    def _lost(self, where: str, error: OSError) -> None:
        self._sweep.unreadable.append(Unread(where, 0, 0, os.strerror(error.errno or 0)))


def _extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Parts of a file that are not holes; all of it where the file system does not say."""
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # which says: from here on nothing but a hole
                yield at, size
            return
        yield start, min(end, size)
        at = end
