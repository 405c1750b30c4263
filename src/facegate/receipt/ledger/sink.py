"""Where a ledger is kept: what it asks of such a place, and the file that is one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from facegate.errors import LedgerError
from facegate.receipt.ledger.entry import MAX_LINE

_CHUNK: Final = 1 << 20


class Sink(Protocol):
    """Bytes that only grow. A ledger calls it from one thread at a time."""

    def exclusive(self) -> AbstractContextManager[object]:
        """Keeps every other writer, in any process, from appending until it is left."""
        ...

    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read(self, start: int, length: int) -> bytes:
        """Bytes from an offset; fewer only at the end."""
        ...

    def append(self, data: bytes) -> None:
        """Add at the end, and return when it would outlive a loss of power. What fails may leave a part behind.

        Raises:
            OSError: it could not be.
        """
        ...

    def close(self) -> None:
        """Let go of it; idempotent."""
        ...


class FileSink:
    """A file, JSON Lines. Made with mode 0600 if it is not there.

    Appended to in one write with ``O_APPEND`` and forced to the disk before `append` returns; writers in other
    processes are kept out with ``flock``. Nothing in it is ever overwritten or cut, so ``chattr +a`` may hold it to
    that.

    Args:
        path: of the file; no symbolic link.

    Raises:
        LedgerError: it cannot be opened, is no plain file, or others than its owner may write to it.

    Does not protect against: its owner and root, who can rewrite it; network file systems whose locks or ``fsync`` do
    not do what they say.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._unsynced = False
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise LedgerError(f"The ledger {self._path} cannot be opened: {error.strerror}.") from None
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            self.close()
            raise LedgerError(f"The ledger {self._path} must be a plain file that its owner alone may write to.")

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """The lock of the file.

        Raises:
            LedgerError: the file was removed, replaced, or closed here.
        """
        if self._descriptor < 0:
            raise LedgerError("The ledger is closed.")
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            self._check_place()
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def size(self) -> int:
        """Of the file, bytes."""
        return os.fstat(self._descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        """Bytes from an offset."""
        return os.pread(self._descriptor, length, start)

    def append(self, data: bytes) -> None:
        """Write at the end and wait for the disk.

        Raises:
            OSError: the disk is full, or failed; after the latter only a new `FileSink` appends again.
        """
        if self._unsynced:
            # The kernel reports once that it could not write a page, then takes it for written: no later fsync says.
            raise OSError(None, "the disk failed before, so what was written since cannot be relied on")
        written = os.write(self._descriptor, data)
        if written != len(data):
            raise OSError(None, f"only {written} of {len(data)} bytes were written")
        try:
            os.fdatasync(self._descriptor)
        except OSError:
            self._unsynced = True
            raise

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            # O_NONBLOCK: a pipe would otherwise wait for a reader, before it can be seen to be none of ours.
            return os.open(self._path, flags | os.O_NONBLOCK)
        except FileNotFoundError:
            pass  # the usual first time
        try:
            descriptor = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return os.open(self._path, flags | os.O_NONBLOCK)
        try:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)  # the name itself must outlive a loss of power
            finally:
                os.close(folder)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _check_place(self) -> None:
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            there = None
        if there is None or not os.path.samestat(there, os.fstat(self._descriptor)):
            raise LedgerError(f"The ledger {self._path} was removed or replaced while it was open.")


def lines_of(read: Callable[[int, int], bytes], start: int, end: int) -> Iterator[bytes]:
    """The lines between two offsets, each with its newline but the last; one over `MAX_LINE` may come in pieces."""
    rest = b""
    while start < end:
        data = read(start, min(_CHUNK, end - start))
        if not data:
            break  # shorter than it was: what is missing will be missed
        start += len(data)
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line + b"\n"
        while len(rest) > MAX_LINE:
            yield rest[:MAX_LINE]
            rest = rest[MAX_LINE:]
    if rest:
        yield rest
