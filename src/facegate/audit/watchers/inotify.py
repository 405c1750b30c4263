"""Some folders, without the process that acted: inotify, where fanotify may not be had."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from facegate.audit.watchers.base import UnavailableError
from facegate.audit.watchers.fanotify import ATTRIB, CREATE, DELETE, MODIFY, MOVED

# inotify(7) has the same bits for the same events, but for ATTRIB's neighbours, which are not asked for.
_MASK: Final = MODIFY | ATTRIB | MOVED | CREATE | DELETE
_OVERFLOW: Final = 0x4000
_EVENT: Final = struct.Struct("iIII")
# A home can have a million folders; what is deeper or more than this is not watched, and the detail says so.
DEPTH: Final = 3
MOST: Final = 4096


class Inotify:
    """Watches folders and what is in them, three levels deep.

    Args:
        folders: to watch.

    Raises:
        UnavailableError: the kernel gives no instance.
    """

    recursive = False
    attributed = False

    def __init__(self, folders: Sequence[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise UnavailableError("an inotify instance (fs.inotify.max_user_instances)")
        # Taken once: a fresh buffer for each batch of events would be found by whoever looks for buffers that are kept.
        self._room = bytearray(1 << 18)
        self._folders: dict[int, str] = {}
        for folder in folders:
            self._watch(folder, DEPTH)

    def _watch(self, folder: Path, depth: int) -> None:
        if len(self._folders) >= MOST:
            return
        watch = self._libc.inotify_add_watch(self.descriptor, os.fsencode(folder), _MASK)
        if watch < 0:
            return
        self._folders[watch] = str(folder)
        if depth:
            try:
                below = [Path(each) for each in os.scandir(folder) if each.is_dir(follow_symlinks=False)]
            except OSError:
                return
            for each in below:
                self._watch(each, depth - 1)

    def read(self) -> Iterator[tuple[int, str, int | None]]:
        """Events that wait: mask, path, and None for the process, which inotify does not tell.

        Raises:
            UnavailableError: the kernel dropped some.
        """
        try:
            count = os.readv(self.descriptor, [self._room])
        except BlockingIOError:
            return
        start = 0
        while start < count:
            watch, mask, _, length = _EVENT.unpack_from(self._room, start)
            if mask & _OVERFLOW:
                raise UnavailableError("inotify dropped events, since there were too many")
            start += _EVENT.size
            name = bytes(self._room[start : start + length]).rstrip(b"\0").decode(errors="surrogateescape")
            start += length
            folder = self._folders.get(watch)
            if folder is not None and name:
                path = Path(folder, name)
                yield mask, str(path), None
                if mask & CREATE and path.is_dir() and not path.is_symlink():
                    self._watch(path, 0)
                    # What was made in it before it was watched has no event of its own.
                    yield from ((CREATE, str(each), None) for each in _inside(path))

    def close(self) -> None:
        """Stop watching; idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # gone, or not ours to read
