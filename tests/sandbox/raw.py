"""What probes are made of: system calls by name, and a page of machine code made before the confinement."""

from __future__ import annotations

import ctypes
import mmap

from facegate import kernel
from facegate.sandbox.seccomp.numbers import NUMBERS, machine

# mov eax, 20 (getpid of i386); int 0x80; ret
_INT80 = bytes.fromhex("b814000000cd80c3")


def call(name: str, *arguments: int | ctypes.Array | None) -> int:
    """The call of that name, straight to the kernel."""
    return kernel.syscall(NUMBERS[machine()][name], *arguments)


def numbered(number: int) -> int:
    """A call by its number."""
    return kernel.syscall(number)


class Entry:
    """The 32-bit door into the kernel, open until the process may make no code; None where there is none."""

    page: mmap.mmap | None = None

    @classmethod
    def prepare(cls) -> None:
        """Make the page; before the confinement."""
        if machine() == "x86_64":
            cls.page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            cls.page.write(_INT80)

    @classmethod
    def enter(cls) -> int:
        """Call getpid as a 32-bit program does."""
        assert cls.page is not None
        return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(cls.page)))()
