"""One anonymous, sealable piece of shared memory: how geometry, uploads and outputs travel between processes."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from facegate import kernel
from facegate.errors import LockLimitError, PurgeError
from facegate.memory.window import Window
from facegate.memory.wiped import Wiped
from facegate.sizes import page_ceil

_REREAD_CHUNK = 1 << 20

# Locked bytes of this process, as we count them: compared with the kernel's own VmLck at every lock.
_locked_bytes = 0
_locked_guard = threading.Lock()


class Region:
    """A memfd with the one writable map that this process keeps, out of core dumps and out of forks.

    The maker owns the region: it alone wipes and closes it. Its size is fixed from the start. After `seal` nobody can
    map it writable any more or write through the descriptor; maps that exist already, the maker's and the other
    process's, still store, which is how the child writes results and how the maker wipes them.

    Args:
        name: shown in ``/proc/PID/maps`` and in residuals; never anything of a request.
        size: bytes; rounded up to whole pages.
        locked: lock the pages in memory and check with the kernel that they are.

    Raises:
        LockLimitError: the pages could not be locked.

    Does not protect against: a debugger or root in this process's own address space, the kernel, a hypervisor that
    snapshots memory, copies that other code made.
    """

    def __init__(self, name: str, size: int, *, locked: bool = False) -> None:
        self.name = name
        self.size = page_ceil(size)
        self.locked = False
        self._fd = os.memfd_create(f"facegate-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._address = 0
        try:
            os.ftruncate(self._fd, self.size)
            # At once: were the other process able to shrink the file, our next read of the map would be a SIGBUS.
            fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
            self._address = kernel.map_file(self._fd, self.size, kernel.PROT_READ | kernel.PROT_WRITE)
            kernel.advise(self._address, self.size, kernel.MADV_DONTDUMP)
            kernel.advise(self._address, self.size, kernel.MADV_DONTFORK)
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
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._fd < 0

    def buffer(self) -> memoryview:
        """A writable view of the maker's own map; it must be dropped before `close`."""
        return memoryview((ctypes.c_char * self.size).from_address(self._address)).cast("B")

    def seal(self) -> None:
        """Forbid new writable maps and writes through the descriptor, for everyone and for good."""
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, kernel.F_SEAL_FUTURE_WRITE)
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)

    def window(self, offset: int = 0, length: int | None = None) -> Window:
        """A new read-only map of part of the region, which can be revoked; `offset` is a multiple of the page size."""
        return Window(self._fd, offset, self.size - offset if length is None else length)

    def wipe(self, used: int | None = None) -> Wiped:
        """Overwrite the first `used` bytes, all by default, with zeros and read them back.

        `used` is for a region that was made larger than what came: touching the rest would only allocate it.
        """
        size = self.size if used is None else page_ceil(used)
        kernel.fill(self._address, 0, size)
        reread = nonzero = 0
        while reread < size:
            chunk = os.pread(self._fd, min(_REREAD_CHUNK, size - reread), reread)
            if not chunk:
                break
            nonzero += int(np.count_nonzero(np.frombuffer(chunk, np.uint8)))
            reread += len(chunk)
        # Bytes that could not be read back were not shown to be zero.
        return Wiped(self.name, size, reread, nonzero + size - reread)

    def close(self) -> None:
        """Unmap and close; idempotent. The kernel frees the pages when the other process has let go of them too."""
        if self._address:
            self._unmap()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lock(self) -> None:
        global _locked_bytes  # noqa: PLW0603 (VmLck is a figure of the process, so is its counterpart)
        with _locked_guard:
            try:
                kernel.lock(self._address, self.size)
            except OSError as error:
                soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
                raise LockLimitError(
                    f"{self.size} bytes could not be locked in memory; the limit is {soft} bytes: raise it with "
                    f"'ulimit -l' or systemd's LimitMEMLOCK= ({os.strerror(error.errno or 0)})."
                ) from None
            # A mlock that returns 0 is a claim; the kernel's own count is the check.
            if kernel_locked_bytes() < _locked_bytes + self.size:
                raise LockLimitError("The kernel's count of locked memory (VmLck) does not include the region.")
            _locked_bytes += self.size
            self.locked = True

    def _unmap(self) -> None:
        global _locked_bytes  # noqa: PLW0603
        with _locked_guard:
            kernel.unmap(self._address, self.size)
            self._address = 0
            if self.locked:
                _locked_bytes -= self.size
                self.locked = False


def kernel_locked_bytes() -> int:
    """VmLck of this process, bytes, as the kernel counts it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmLck:"):
            return int(line.split()[1]) * 1024
    return 0
