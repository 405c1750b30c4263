"""Whether freed memory is overwritten, tried on a block of our own."""

from __future__ import annotations

import ctypes
from typing import Final

from facegate.protections import Protection

_MARKER: Final = 0x3C
# A block of each kind that glibc treats differently when it is freed: fast bins, tcache, the rest.
_SIZES: Final = (100, 1_000, 100_000)
# The allocator's own links go over some of a freed block, and an address may hold the marker by chance; a run of it no
# address makes.
_RUN: Final = bytes([_MARKER]) * 16


def protection() -> Protection:
    """`heap_overwritten` as it really is: marked blocks are freed and looked at."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return Protection(
            "heap_overwritten", "unavailable", "only glibc overwrites what is freed (glibc.malloc.perturb)"
        )
    libc.malloc.argtypes, libc.malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
    libc.free.argtypes, libc.free.restype = (ctypes.c_void_p,), None
    kept = False
    for size in _SIZES:
        block, guard = libc.malloc(size), libc.malloc(64)  # the guard keeps the block from joining the heap's top
        ctypes.memset(block, _MARKER, size)
        libc.free(block)
        kept |= _RUN in ctypes.string_at(block, size)
        libc.free(guard)
    if kept:
        return Protection(
            "heap_overwritten", "unavailable", "freed blocks kept what was in them (GLIBC_TUNABLES not in force)"
        )
    return Protection(
        "heap_overwritten", "achieved", f"freed blocks of {', '.join(map(str, _SIZES))} bytes were overwritten"
    )
