"""Secret memory, read the one way there is: through its descriptor, which its owner still has open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate import kernel

_SYS_PIDFD_GETFD: Final = 438


@contextmanager
def opened(pid: int, descriptor: int) -> Iterator[NDArray[np.uint8]]:
    """The content of a process's secret memory, mapped here for the block.

    Args:
        pid: of the process, this one included.
        descriptor: its number there.

    Raises:
        OSError: the kernel lends no descriptors of that process, or the lock limit has no room for the map, which is
            locked like every map of secret memory.
    """
    handle = os.pidfd_open(pid)
    try:
        borrowed = kernel.syscall(_SYS_PIDFD_GETFD, handle, descriptor, 0)
    finally:
        os.close(handle)
    try:
        size = os.fstat(borrowed).st_size
        if not size:
            yield np.empty(0, np.uint8)
            return
        address = kernel.map_file(borrowed, size, kernel.PROT_READ)
        try:
            yield np.frombuffer(memoryview(kernel.bytes_at(address, size)), np.uint8)
        finally:
            kernel.unmap(address, size)
    finally:
        os.close(borrowed)
