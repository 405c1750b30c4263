"""A read-only look at a region that can be taken away from under its views."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facegate import kernel
from facegate.memory import locks, spans
from facegate.memory.advice import keep_apart

_live: weakref.WeakSet[Window] = weakref.WeakSet()
_live_guard = threading.Lock()


class Window:
    """One read-only shared map of some pages of a region.

    Arrays made by `array` point straight into the map. `revoke` puts pages of zeros in its place, so a view that
    somebody kept, sliced or handed to another thread reads zeros from then on and nothing crashes. The address range
    is given back when the last view has died. On either side is a page that nobody may touch, so that native code that
    reads too far does not find the window of another request.

    Args:
        fd: descriptor of the region.
        offset: where the window begins, a multiple of the page size.
        length: bytes, whole pages.
        born_locked: the region is one whose every map the kernel locks and counts.

    Raises:
        LockLimitError: the map would be over the lock limit.

    Does not protect against: copies made through the view while it was open.
    """

    def __init__(self, fd: int, offset: int, length: int, *, born_locked: bool = False) -> None:
        with locks.unforked():
            with locks.adding(length if born_locked else 0, check=False):
                address = kernel.map_guarded(fd, length, kernel.PROT_READ, offset=offset)
            self._span = _Span(address, length, length if born_locked else 0, spans.note(address, length))
            keep_apart(address, length)
        exporter = _exporter_type(length).from_address(address)
        # The exporter is the owner that every array, slice and memoryview keeps alive.
        weakref.finalize(exporter, self._span.give_back).atexit = False
        self._exporter: ctypes.Array[ctypes.c_char] | None = exporter
        with _live_guard:
            _live.add(self)

    @property
    def address(self) -> int:
        """Where the map is, or was."""
        return self._span.address

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
        if self._exporter is not None:
            self._span.blank()
            self._exporter = None  # last: who is interrupted before may come again

    def _after_fork(self) -> None:
        # MADV_DONTFORK left a hole here; a view that was inherited must read zeros, not crash.
        if self._exporter is not None:
            self._exporter = None
            self._span.locked = 0  # locks do not survive a fork
            self._span.blank()


@dataclass(slots=True)
class _Span:
    """Addresses of a window, how many of its bytes the kernel counts as locked, and its number among the spans."""

    address: int
    length: int
    locked: int
    number: int

    def blank(self) -> None:
        """Put pages of zeros, which are not locked, in the place of what was mapped."""
        with locks.releasing(self.locked):
            self.locked = 0
            kernel.map_zeros(self.address, self.length)

    def give_back(self) -> None:
        """Unmap."""
        with locks.releasing(self.locked):
            self.locked = 0
            kernel.unmap_guarded(self.address, self.length)
        spans.forget(self.number)


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
