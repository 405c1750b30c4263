"""The few Linux calls that Python does not offer, typed and checked.

Every function raises `OSError` with the kernel's errno. Types are declared because ctypes would otherwise truncate
pointers to 32 bits, after which ``mlock`` fails on an address that was never asked for.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Final

PROT_NONE: Final = 0
PROT_READ: Final = 1
PROT_WRITE: Final = 2
MAP_SHARED: Final = 0x01
MAP_PRIVATE: Final = 0x02
MAP_FIXED: Final = 0x10
MAP_ANONYMOUS: Final = 0x20
MAP_NORESERVE: Final = 0x4000
MADV_DONTFORK: Final = 10
MADV_UNMERGEABLE: Final = 13
MADV_NOHUGEPAGE: Final = 15
MADV_DONTDUMP: Final = 16
MCL_CURRENT: Final = 1
MCL_FUTURE: Final = 2
MCL_ONFAULT: Final = 4

PR_SET_PDEATHSIG: Final = 1
PR_GET_PDEATHSIG: Final = 2
PR_GET_DUMPABLE: Final = 3
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39

# fcntl(2): Python 3.11 has F_ADD_SEALS and the older seals, not this one (Linux 5.1).
F_SEAL_FUTURE_WRITE: Final = 0x0010

# The same numbers on every architecture: these calls are younger than the unified table.
SYS_LANDLOCK_CREATE_RULESET: Final = 444
SYS_LANDLOCK_RESTRICT_SELF: Final = 446
SYS_MEMFD_SECRET: Final = 447

_MAP_FAILED: Final = ctypes.c_void_p(-1).value


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    size, pointer, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
    libc.mmap.argtypes = (pointer, size, number, number, number, ctypes.c_long)
    libc.mmap.restype = pointer
    libc.munmap.argtypes = (pointer, size)
    libc.mlock.argtypes = (pointer, size)
    libc.mlockall.argtypes = (number,)
    libc.madvise.argtypes = (pointer, size, number)
    libc.unshare.argtypes = (number,)
    libc.prctl.argtypes = (number, *(ctypes.c_ulong,) * 4)
    libc.syscall.restype = ctypes.c_long
    return libc


def _check(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def map_file(fd: int, length: int, protection: int, *, offset: int = 0) -> int:
    """Map `length` bytes of `fd` shared, from `offset`, and return the address."""
    return _map(None, length, protection, MAP_SHARED, fd, offset)


def map_guarded(fd: int, length: int, protection: int, *, offset: int = 0) -> int:
    """As `map_file`, with a page that nobody may touch on either side; given back by `unmap_guarded`.

    Args:
        fd: what to map.
        length: bytes, whole pages.
        protection: of the map itself.
        offset: where in the file the map begins.

    Returns:
        The address of the map, not of the page before it.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    whole = length + 2 * page
    reserved = _map(None, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    try:
        return _map(reserved + page, length, protection, MAP_SHARED | MAP_FIXED, fd, offset)
    except OSError:
        unmap(reserved, whole)
        raise


def unmap_guarded(address: int, length: int) -> None:
    """Give a map made by `map_guarded` back, with the pages beside it."""
    page = os.sysconf("SC_PAGE_SIZE")
    unmap(address - page, length + 2 * page)


def map_zeros(address: int, length: int) -> None:
    """Replace whatever is mapped at `address` by private, read-only pages of zeros, in one step.

    Pointers into the range stay valid and read zeros; the pages that were there lose this mapping.
    """
    _map(address, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)


def _map(address: int | None, length: int, protection: int, flags: int, fd: int, offset: int) -> int:
    result: int | None = _libc().mmap(address, length, protection, flags, fd, offset)
    if result is None or result == _MAP_FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def unmap(address: int, length: int) -> None:
    """Give a mapping back."""
    _check(_libc().munmap(address, length))


def lock(address: int, length: int) -> None:
    """Keep the range in memory, never in swap."""
    _check(_libc().mlock(address, length))


def lock_all(flags: int) -> None:
    """Keep the whole process in memory, never in swap: `MCL_CURRENT`, `MCL_FUTURE`, `MCL_ONFAULT`."""
    _check(_libc().mlockall(flags))


def advise(address: int, length: int, advice: int) -> None:
    """Tell the kernel how to treat the range: `MADV_DONTFORK`, `MADV_DONTDUMP` and so on."""
    _check(_libc().madvise(address, length, advice))


def fill(address: int, value: int, length: int) -> None:
    """Overwrite `length` bytes at `address` with `value`."""
    ctypes.memset(address, value, length)


def bytes_at(address: int, length: int) -> ctypes.Array[ctypes.c_char]:
    """The memory at `address`, not a copy of it."""
    return (ctypes.c_char * length).from_address(address)


def prctl(option: int, argument: int = 0) -> int:
    """``prctl(option, argument, 0, 0, 0)``."""
    return _check(_libc().prctl(option, argument, 0, 0, 0))


def parent_death_signal() -> int:
    """The signal that this process gets when its parent ends; 0 for none."""
    found = ctypes.c_int()
    _check(_libc().prctl(PR_GET_PDEATHSIG, ctypes.addressof(found), 0, 0, 0))
    return found.value


def unshare(flags: int) -> None:
    """Leave the namespaces that the flags name, for new ones."""
    _check(_libc().unshare(flags))


def syscall(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """A raw system call; integers are passed as 64 bits, buffers as pointers, None as a null pointer."""
    converted = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return _check(_libc().syscall(ctypes.c_long(number), *converted))
