"""What is outside the processes' maps: files that they have open or mapped, shared memory, folders."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from facegate.audit.residue.maps import DELETED, SECRET, Mapped, maps_of
from facegate.audit.residue.reading import Bytes, File
from facegate.audit.residue.report import Unread
from facegate.audit.residue.secret import opened
from facegate.audit.residue.sweep import Sweep

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (it is read)
# Shared memory without a name: there is no more of it than its maps, which are read.
_ANONYMOUS = "/dev/zero"
_FOREIGN = "another user's file, which none of the processes may write to"
_FOREIGN_FOLDER = "another user's folder, which none of the processes may enter"
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
                self._mapped(pid, each)

    def _mapped(self, pid: int, each: Mapped) -> None:
        """The file behind a map; by its path where the kernel shows the file itself to root alone."""
        where = f"{each.name}, mapped by process {pid}"
        direct = f"/proc/{pid}/map_files/{each.start:x}-{each.end:x}"
        try:
            os.close(os.open(direct, _FLAGS))
        except PermissionError as error:
            if each.inode in self._seen or each.name.removesuffix(DELETED) == _ANONYMOUS:
                return
            if _inode(each.name) == each.inode:
                self._file(each.name, where)
            else:
                self._lost(where, error)
        except OSError:  # unmapped meanwhile, or no file but a device
            return
        else:
            self._file(direct, where)

    def folder(self, path: Path, users: frozenset[int] = frozenset({0})) -> None:
        """All files below a folder.

        Args:
            path: of the folder.
            users: that the processes run as. A file that this process may not read, and none of them may write, since
                it is another user's, has nothing of theirs; nor has a folder that none of them may enter.
        """

        def closed(error: OSError) -> None:
            where = Path(os.fsdecode(error.filename))
            try:
                there = where.lstat()
            except FileNotFoundError:
                if where == path:
                    self._lost(str(where), error)
                return  # else it went meanwhile
            foreign = not users & {0, there.st_uid} and not there.st_mode & (stat.S_IXGRP | stat.S_IXOTH)
            self._lost(str(where), error, _FOREIGN_FOLDER if foreign else None)

        for root, _, names in os.walk(path, onerror=closed):
            for name in names:
                each = Path(root, name)
                try:
                    there = each.lstat()
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(there.st_mode):
                    foreign = not users & {0, there.st_uid} and not there.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
                    self._file(str(each), str(each), _FOREIGN if foreign else None)

    def _file(self, path: str, where: str, excuse: str | None = None) -> None:
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            return
        except OSError as error:
            self._lost(where, error, excuse)
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

    def _lost(self, where: str, error: OSError, excuse: str | None = None) -> None:
        self._sweep.unreadable.append(Unread(where, 0, 0, os.strerror(error.errno or 0), excuse))


def _inode(path: str) -> tuple[int, int]:
    try:
        there = Path(path).stat()
    except OSError:
        return (0, 0)
    return there.st_dev, there.st_ino


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
