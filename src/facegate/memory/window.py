"""A read-only look at a region that can be taken away from under its views."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import weakref

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facegate import kernel

_live: weakref.WeakSet[Window] = weakref.WeakSet()
_live_guard = threading.Lock()


class Window:
    """One read-only shared map of some pages of a region.

    Arrays made by `array` point straight into the map. `revoke` puts pages of zeros in its place, so a view that
    somebody kept, sliced or handed to another thread reads zeros from then on and nothing crashes. The address range
    is given back when the last view has died.

    Args:
        fd: descriptor of the region.
        offset: where the window begins, a multiple of the page size.
        length: bytes.

    Does not protect against: copies made through the view while it was open.
    """

    def __init__(self, fd: int, offset: int, length: int) -> None:
        self._length = length
        self._address = kernel.map_file(fd, length, kernel.PROT_READ, offset=offset)
        exporter = _exporter_type(length).from_address(self._address)
        # The exporter is the owner that every array, slice and memoryview keeps alive.
        weakref.finalize(exporter, kernel.unmap, self._address, length).atexit = False
        self._exporter: ctypes.Array[ctypes.c_char] | None = exporter
        kernel.advise(self._address, length, kernel.MADV_DONTDUMP)
        kernel.advise(self._address, length, kernel.MADV_DONTFORK)
        with _live_guard:
            _live.add(self)

    def array(self, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """A read-only array over the first bytes of the window; it cannot be made writable.

        Args:
            dtype: of the elements.
            shape: of the array; must fit into the window.
        """
        if self._exporter is None:
            raise ValueError("The window was revoked.")
        # toreadonly, and not flags.writeable: the flag could be set back, and a store would then be a SIGSEGV.
        view = memoryview(self._exporter).toreadonly()
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(view, dtype=dtype, count=count).reshape(shape)

    def revoke(self) -> None:
        """Put zeros in the place of the region; idempotent, and safe while other threads read."""
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            kernel.map_zeros(self._address, self._length)

    def _after_fork(self) -> None:
        # MADV_DONTFORK left a hole here; a view that was inherited must read zeros, not crash.
        if self._exporter is not None:
            kernel.map_zeros(self._address, self._length)
            self._exporter = None


@functools.cache
def _exporter_type(length: int) -> type[ctypes.Array[ctypes.c_char]]:
    # A subclass written in Python, because plain ctypes arrays cannot be weakly referenced.
    return type("Exporter", (ctypes.c_char * length,), {})


def _zero_inherited_windows() -> None:
    for window in list(_live):
        window._after_fork()


os.register_at_fork(
    before=_live_guard.acquire,
    after_in_parent=_live_guard.release,
    after_in_child=lambda: (_zero_inherited_windows(), _live_guard.release()),  # type: ignore[func-returns-value]
)
