"""Memory of the `inline` level where there is no Linux: anonymous pages that are wiped, and nothing more.

The same interface as `facegate.memory.region`, so that a request need not know which it has.
"""

from __future__ import annotations

import mmap
import weakref
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facegate.errors import ProtectionError, PurgeError
from facegate.memory import spans
from facegate.memory.wiped import Wiped
from facegate.sizes import page_ceil


class PortableWindow:
    """A read-only copy of part of a region; `revoke` zeroes it, so that a view that somebody kept reads zeros.

    A copy, because a map cannot be taken away from under its views without the system calls of one system.
    """

    def __init__(self, content: memoryview) -> None:
        self._pages: mmap.mmap | None = _pages(content.nbytes)
        self._pages[:] = content

    def array(self, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """A read-only array over the first bytes of the window.

        Raises:
            ValueError: the window was revoked.
        """
        if self._pages is None:
            raise ValueError("The window was revoked.")
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(memoryview(self._pages).toreadonly(), dtype=dtype, count=count).reshape(shape)

    def revoke(self) -> None:
        """Zero the copy; idempotent."""
        pages, self._pages = self._pages, None
        if pages is not None:
            np.frombuffer(pages, np.uint8)[:] = 0


class PortableRegion:
    """Anonymous pages of this process: wiped, re-read and given back, and nothing more.

    Args:
        name: shown in residuals.
        size: bytes; rounded up to whole pages.
        locked: ignored; `locked` stays False, and the receipt says so.

    Does not protect against: swap, core dumps, forks, debuggers, other code in this process.
    """

    locked = False

    def __init__(self, name: str, size: int, *, locked: bool = False) -> None:  # noqa: ARG002
        self.name = name
        self.size = page_ceil(size)
        self._pages: mmap.mmap | None = _pages(self.size)
        self._windows: weakref.WeakSet[PortableWindow] = weakref.WeakSet()

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
        """There is none.

        Raises:
            ProtectionError: these pages cannot be shared with another process.
        """
        raise ProtectionError("Memory of the inline level cannot be shared with another process.")

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._pages is None

    def buffer(self) -> memoryview:
        """A writable view of the region."""
        if self._pages is None:
            raise ValueError("The region is closed.")
        return memoryview(self._pages)

    def seal(self) -> None:
        """Nothing: there is no other process that could write."""

    def lock_used(self, used: int) -> bool:  # noqa: ARG002
        """Nothing: these pages are not locked."""
        return False

    def window(self, offset: int = 0, length: int | None = None) -> PortableWindow:
        """A read-only copy of part of the region, which can be revoked."""
        end = self.size if length is None else offset + length
        window = PortableWindow(self.buffer()[offset:end])
        self._windows.add(window)
        return window

    def wipe(self, used: int | None = None) -> Wiped:
        """Overwrite the first `used` bytes, all by default, with zeros and read them back."""
        size = self.size if used is None else page_ceil(used)
        content = np.frombuffer(self.buffer(), np.uint8, count=size)
        content[:] = 0
        return Wiped(self.name, size, size, int(np.count_nonzero(content)))

    def close(self) -> None:
        """Let go of the pages; idempotent. They are given back when the last view has died."""
        for window in list(self._windows):
            window.revoke()
        self._pages = None


def _pages(size: int) -> mmap.mmap:
    """New pages, which count as a request's until the last view of them has died."""
    pages = mmap.mmap(-1, size)
    address = int(np.frombuffer(pages, np.uint8).__array_interface__["data"][0])
    weakref.finalize(pages, spans.forget, spans.note(address, size)).atexit = False
    return pages
