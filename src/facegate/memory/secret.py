"""Regions in secret memory: pages that the kernel takes out of its own map, so that it and root do not read them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from facegate import kernel
from facegate.errors import LockLimitError, ProtectionError
from facegate.memory import locks
from facegate.memory.advice import keep_apart
from facegate.memory.region import Region
from facegate.protections import Protection

_NAME: Final = "secret_memory"


class SecretRegion(Region):
    """A region in ``memfd_secret``, which the kernel locks, leaves out of dumps and zeros when it is freed.

    It takes no seals: its size is fixed by the kernel, but whoever has the descriptor can map it writable. The child
    closes its own before it says that it is ready, and nobody else gets one. Nor can it be read by ``pread``: a second
    map, read-only and made at the start, is what a wipe is read back through, so that purge needs nothing that could
    be refused to it. Every map counts against the lock limit.

    The pages are dear to allocate, 13 microseconds each where a memfd's take 3, so all are touched at the start.

    Args:
        name: in residuals; the kernel calls all such maps ``/secretmem``.
        size: bytes; rounded up to whole pages.

    Raises:
        LockLimitError: the pages could not be locked.
        ProtectionError: the kernel has no secret memory.

    Does not protect against: code in this process or in the child, ``write`` from it to a file, a kernel that is taken
    over, a hypervisor.
    """

    born_locked: ClassVar[bool] = True

    def __init__(self, name: str, size: int) -> None:
        self._mirror = 0
        super().__init__(name, size, locked=True)

    @property
    def addresses(self) -> tuple[int, ...]:
        """Where the writable map and the one for reading back are; empty after `close`."""
        return tuple(filter(None, (self._address, self._mirror)))

    def seal(self) -> None:
        """Nothing: the kernel has no seals for secret memory."""

    def _make(self) -> int:
        try:
            fd = kernel.syscall(kernel.SYS_MEMFD_SECRET, os.O_CLOEXEC)
        except OSError as error:
            raise ProtectionError(f"There is no secret memory: {_reason(error)}") from None
        try:
            os.ftruncate(fd, self.size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _map(self) -> None:
        with locks.unforked():
            with locks.adding(2 * self.size):
                self._address = kernel.map_guarded(self._fd, self.size, kernel.PROT_READ | kernel.PROT_WRITE)
                self._mirror = kernel.map_guarded(self._fd, self.size, kernel.PROT_READ)
            self.locked = True
            for address in self.addresses:
                keep_apart(address, self.size)
        kernel.fill(self._address, 0, self.size)

    def _lock(self) -> None:
        """Nothing: `_map` has done it."""

    def _read_back(self, size: int) -> tuple[int, int]:
        seen = np.frombuffer(memoryview(kernel.bytes_at(self._mirror, size)), np.uint8)
        return size, int(np.count_nonzero(seen))

    def _unmap(self) -> None:
        with locks.releasing(2 * self.size if self.locked else 0):
            for address in self.addresses:
                kernel.unmap_guarded(address, self.size)
        self._address = self._mirror = 0
        self.locked = False


def secret_memory(size: int = 1) -> Protection:
    """Whether this process can have that many bytes of secret memory, tried, and why not."""
    try:
        with SecretRegion("trial", size):
            return Protection(_NAME, "achieved", "memfd_secret")
    except (ProtectionError, LockLimitError) as error:
        return Protection(_NAME, "unavailable", error.reason)


def _reason(error: OSError) -> str:
    if error.errno == errno.EPERM:
        return "the container's filter of system calls refuses memfd_secret; its profile must allow it."
    if error.errno != errno.ENOSYS:
        return f"memfd_secret failed: {os.strerror(error.errno or 0)}."
    if "secretmem.enable=0" in _command_line():
        return "the kernel's command line has secretmem.enable=0; take that away."
    return (
        "the kernel has no memfd_secret: that takes Linux 5.14 built with CONFIG_SECRETMEM, before 6.5 also "
        "secretmem.enable=1 on its command line, and a container whose filter allows it."
    )


def _command_line() -> list[str]:
    """What the kernel was booted with; empty where procfs shows processes alone (``subset=pid``)."""
    try:
        return Path("/proc/cmdline").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return []
