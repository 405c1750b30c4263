"""The one place in which the scanner ever has anything plain: a map of its own, known by address and wiped."""

from __future__ import annotations

import mmap
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facegate import kernel
from facegate.sizes import page_ceil

_ALIGNMENT = 64


class Scratch:
    """Memory that is handed out in pieces, overwritten, and given back; out of forks and dumps.

    numpy's and Python's own heaps keep what is freed, so whatever shows a marker, or memory that may, is written here
    and nowhere else. Private and anonymous, so no other process has it.

    Args:
        size: bytes; rounded up to whole pages.

    Does not protect against: swap, which it is not locked against: a scan of a host with swap shows nothing of swap.
    """

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, page_ceil(size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for advice in (kernel.MADV_DONTFORK, kernel.MADV_DONTDUMP):
            self._map.madvise(advice)
        self._bytes: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)
        self._used = self._most = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    @property
    def address(self) -> int:
        """Of the first byte."""
        return int(self._bytes.ctypes.data)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._bytes.size

    def array(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """A piece of it that nobody has, aligned; its content is whatever was there.

        Raises:
            MemoryError: it is used up.
        """
        kind = np.dtype(dtype)
        count = int(np.prod(shape))
        begin = -(-self._used // _ALIGNMENT) * _ALIGNMENT
        end = begin + count * kind.itemsize
        if end > self.size:
            raise MemoryError("The scanner's buffer is too small for this.")
        self._used = end
        self._most = max(self._most, end)
        return self._bytes[begin:end].view(kind).reshape(shape)

    def mark(self) -> int:
        """Where it is, for `back_to`."""
        return self._used

    def back_to(self, mark: int) -> None:
        """Let everything go that was handed out since."""
        self._used = mark

    def wipe(self) -> int:
        """Overwrite all that was ever handed out with zeros; how many bytes read back are not zero, of all of it."""
        self._bytes[: self._most] = 0
        self._used = self._most = 0
        return int(np.count_nonzero(self._bytes))
