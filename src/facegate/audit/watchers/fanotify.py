"""Every file system of the host at once, with the process that acted: fanotify, for those with CAP_SYS_ADMIN."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from facegate.audit.watchers.base import UnavailableError

# fanotify(7), linux/fanotify.h
_INIT: Final = 0x01 | 0x02 | 0x10 | 0x400 | 0x800  # CLOEXEC NONBLOCK UNLIMITED_QUEUE REPORT_DIR_FID REPORT_NAME
_ADD_FILE_SYSTEM: Final = 0x01 | 0x100
MODIFY: Final = 0x02
ATTRIB: Final = 0x04
MOVED: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
_OVERFLOW: Final = 0x4000
_DIRECTORIES_TOO: Final = 0x40000000
MASK: Final = MODIFY | ATTRIB | MOVED | CREATE | DELETE | _DIRECTORIES_TOO
_DFID_NAME: Final = 2
_HEADER: Final = struct.Struct("=IBBHQii")
_HANDLE: Final = struct.Struct("=BBHQIi")  # type, padding, length, file system, bytes of the handle, its type


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fanotify_init.argtypes = (ctypes.c_uint, ctypes.c_uint)
    libc.fanotify_mark.argtypes = (ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p)
    libc.open_by_handle_at.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    return libc


class Fanotify:
    """A group that watches each file system that can be written to and that supports it.

    Attributes:
        recursive: whether every folder is watched, whoever makes it and when.
        attributed: whether events name the process.

    Raises:
        UnavailableError: this host or this user may not.
    """

    recursive = True
    attributed = True

    def __init__(self) -> None:
        self.descriptor: int = _libc().fanotify_init(_INIT, os.O_RDONLY)
        if self.descriptor < 0:
            name = errno.errorcode.get(ctypes.get_errno(), "unknown")
            raise UnavailableError(f"fanotify with names ({name}), which takes CAP_SYS_ADMIN and Linux 5.9")
        # Taken once: a fresh buffer for each batch of events would be found by whoever looks for buffers that are kept.
        self._room = bytearray(1 << 18)
        self._mounts: dict[int, int] = {}
        for folder in _writable_mounts():
            self._mark(folder)
        if not any(os.fstat(each).st_dev == Path("/").stat().st_dev for each in self._mounts.values()):
            self.close()
            raise UnavailableError("fanotify on the root file system, which does not support it")

    def _mark(self, folder: str) -> None:
        try:
            mount = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        number = os.fstatvfs(mount).f_fsid
        known = number in self._mounts
        if known or _libc().fanotify_mark(self.descriptor, _ADD_FILE_SYSTEM, MASK, -100, folder.encode()) != 0:
            os.close(mount)  # proc, sysfs and the like have no such events
        else:
            self._mounts[number] = mount

    def read(self) -> Iterator[tuple[int, str, int | None]]:
        """Events that wait: mask, path, process.

        Raises:
            UnavailableError: the kernel dropped some.
        """
        try:
            count = os.readv(self.descriptor, [self._room])
        except BlockingIOError:
            return
        start = 0
        while start < count:
            length, _, _, header, mask, _, pid = _HEADER.unpack_from(self._room, start)
            if mask & _OVERFLOW:
                raise UnavailableError("fanotify dropped events, since there were too many")
            path = self._path(bytes(self._room[start + header : start + length]))
            if path:
                yield mask, path, pid
            start += length

    def _path(self, record: bytes) -> str:
        if len(record) < _HANDLE.size:
            return ""
        kind, _, length, number, size, _ = _HANDLE.unpack_from(record)
        mount = self._mounts.get(number)
        if kind != _DFID_NAME or mount is None:
            return ""
        handle = record[12 : 12 + 8 + size]
        name = record[20 + size : length].split(b"\0")[0].decode(errors="surrogateescape")
        folder: int = _libc().open_by_handle_at(mount, handle, os.O_PATH | os.O_CLOEXEC)
        if folder < 0:
            return f"(a folder that is gone)/{name}"
        try:
            return str(Path(f"/proc/self/fd/{folder}").readlink() / name)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Stop watching; idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        while self._mounts:
            os.close(self._mounts.popitem()[1])


def _writable_mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        cells = line.split()
        if "rw" in cells[5].split(","):
            yield cells[4].encode().decode("unicode_escape")
