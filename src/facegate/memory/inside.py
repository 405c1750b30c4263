"""Memory on the child's side: its map of the arena, and the lock on all that it has."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from facegate import kernel
from facegate.memory.advice import keep_apart
from facegate.memory.locks import kernel_locked_bytes, lock_limit
from facegate.protections import Protection


def map_arena(arena: int) -> memoryview:
    """The arena, writable, for the rest of this process, guard pages on either side; its descriptor is closed.

    Not through the mmap module: that keeps a duplicate of the descriptor.
    """
    size = os.fstat(arena).st_size
    address = kernel.map_guarded(arena, size, kernel.PROT_READ | kernel.PROT_WRITE)
    keep_apart(address, size, forks=False)  # the child may not fork anyway
    os.close(arena)
    return memoryview(kernel.bytes_at(address, size)).cast("B")


def lock_process() -> Protection:
    """Lock what this process has and what it will map, page by page as it is touched; say what came of it.

    Only where the limit is infinite: below a finite one every later allocation could fail.
    """
    name = "child_memory_locked"
    limit = lock_limit()
    if limit is not None:
        return Protection(name, "unavailable", f"the child may lock {limit} bytes; it takes LimitMEMLOCK=infinity")
    try:
        kernel.lock_all(kernel.MCL_CURRENT | kernel.MCL_FUTURE | kernel.MCL_ONFAULT)
    except OSError as error:
        return Protection(name, "unavailable", f"mlockall: {os.strerror(error.errno or 0)}")
    locked = kernel_locked_bytes()
    if locked < _resident():
        return Protection(name, "unavailable", "VmLck is less than what is in use")
    return Protection(name, "achieved", "mlockall with MCL_ONFAULT, compared with VmLck")


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
