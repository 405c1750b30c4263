"""One anonymous, sealable piece of shared memory: how geometry, uploads and outputs travel between processes."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

import numpy as np

from facegate import kernel
from facegate.errors import PurgeError
from facegate.memory import locks, spans
from facegate.memory.advice import keep_apart
from facegate.memory.window import Window
from facegate.memory.wiped import Wiped
from facegate.sizes import page_ceil

_REREAD_CHUNK = 1 << 20


class Region:
    """A memfd with the one writable map that this process keeps, out of core dumps and out of forks.

    The maker owns the region: it alone wipes and closes it. Its size is fixed from the start. After `seal` nobody can
    map it writable any more or write through the descriptor; maps that exist already, the maker's and the other
    process's, still store, which is how the child writes results and how the maker wipes them.

    Args:
        name: shown in ``/proc/PID/maps`` and in residuals; never anything of a request.
        size: bytes; rounded up to whole pages.
        locked: for geometry: lock all pages in memory and check with the kernel that they are, and put a page that
            nobody may touch on either side of the map.

    Raises:
        LockLimitError: the pages could not be locked.

    Does not protect against: a debugger or root in this process's own address space, the kernel, a hypervisor that
    snapshots memory, copies that other code made.
    """

    # Whether the kernel locks every map of the region, windows too, and counts it.
    born_locked: ClassVar[bool] = False

    def __init__(self, name: str, size: int, *, locked: bool = False) -> None:
        self.name = name
        self.size = page_ceil(size)
        self.locked = False
        self._guarded = locked
        self._media_locked = 0
        self._fd = -1
        self._address = 0
        self._spans: list[int] = []
        try:
            self._fd = self._make()
            self._map()
            self._spans = [spans.note(address, self.size) for address in self.addresses]
            if locked:
                self._lock()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe and close; a failed wipe is raised only when nothing else is."""
        wiped = self.wipe()
        self.close()
        if wiped.bytes_nonzero and error is None:
            raise PurgeError(f"The region {self.name} was not zero after its wipe.", residuals=(self.name,))

    @property
    def fd(self) -> int:
        """The descriptor; valid until `close`, and still owned by the region."""
        return self._fd

    @property
    def addresses(self) -> tuple[int, ...]:
        """Where the maker's own maps are; empty after `close`."""
        return (self._address,) if self._address else ()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._fd < 0

    def buffer(self) -> memoryview:
        """A writable view of the maker's own map; it must be dropped before `close`."""
        return memoryview(kernel.bytes_at(self._address, self.size)).cast("B")

    def seal(self) -> None:
        """Forbid new writable maps and writes through the descriptor, for everyone and for good."""
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, kernel.F_SEAL_FUTURE_WRITE)
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)

    def lock_used(self, used: int) -> bool:
        """Lock the first `used` bytes of an upload or output, if the limit has room for them; may be called again.

        They are allocated by this. It is for what is about to be touched, or has been.

        Returns:
            Whether they are locked now.
        """
        more = page_ceil(used) - self._media_locked
        if more > 0 and locks.lock_media(self._address + self._media_locked, more):
            self._media_locked += more
            more = 0
        return more <= 0

    def window(self, offset: int = 0, length: int | None = None) -> Window:
        """A new read-only map of part of the region, which can be revoked; `offset` is a multiple of the page size."""
        length = self.size - offset if length is None else length
        return Window(self._fd, offset, length, born_locked=self.born_locked)

    def wipe(self, used: int | None = None) -> Wiped:
        """Overwrite the first `used` bytes, all by default, with zeros and read them back.

        `used` is for a region that was made larger than what came: touching the rest would only allocate it. What has
        been touched beyond, though, is wiped as well: the other process may have died, or lied, before it said so.
        """
        size = self.size if used is None else self._touched(page_ceil(used))
        kernel.fill(self._address, 0, size)
        reread, nonzero = self._read_back(size)
        # Bytes that could not be read back were not shown to be zero.
        return Wiped(self.name, size, reread, nonzero + size - reread)

    def close(self) -> None:
        """Unmap and close; idempotent. The kernel frees the pages when the other process has let go of them too."""
        if self._address:
            self._unmap()
        while self._spans:
            spans.forget(self._spans.pop())
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _make(self) -> int:
        fd = os.memfd_create(f"facegate-{self.name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(fd, self.size)
            # At once: were the other process able to shrink the file, our next read of the map would be a SIGBUS.
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _map(self) -> None:
        make = kernel.map_guarded if self._guarded else kernel.map_file
        with locks.unforked():
            self._address = make(self._fd, self.size, kernel.PROT_READ | kernel.PROT_WRITE)
            keep_apart(self._address, self.size)

    def _lock(self) -> None:
        with locks.adding(self.size):
            kernel.lock(self._address, self.size)
        self.locked = True

    def _touched(self, least: int) -> int:
        """Bytes up to the end of the last page that exists, at least `least`: the rest of the file is a hole."""
        end = least
        with suppress(OSError):  # ENXIO: a hole up to the end
            while end < self.size:
                end = os.lseek(self._fd, os.lseek(self._fd, end, os.SEEK_DATA), os.SEEK_HOLE)
        return end

    def _read_back(self, size: int) -> tuple[int, int]:
        """Bytes read through the descriptor, not through the map that was written, and how many were not zero."""
        reread = nonzero = 0
        while reread < size:
            chunk = os.pread(self._fd, min(_REREAD_CHUNK, size - reread), reread)
            if not chunk:
                break
            nonzero += int(np.count_nonzero(np.frombuffer(chunk, np.uint8)))
            reread += len(chunk)
        return reread, nonzero

    def _unmap(self) -> None:
        unmap = kernel.unmap_guarded if self._guarded else kernel.unmap
        with locks.releasing(self.size if self.locked else 0, media=self._media_locked):
            unmap(self._address, self.size)
        self._address = self._media_locked = 0
        self.locked = False
