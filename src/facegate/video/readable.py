"""An upload as FFmpeg wants to see it: with a position and a size, read-only."""

from __future__ import annotations

import os
from typing import Any


class Readable:
    """Wraps whatever can read and seek: a file, a map of memory, an object over a descriptor.

    FFmpeg takes a file object without `tell` for a pipe, and then finds neither indices nor chapters. A map's `seek`
    answers nothing before Python 3.13, so the position is kept here.

    Args:
        file: `read` and `seek` are used; not closed.
        size: bytes.
    """

    name = ""  # what PyAV would put into messages

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self._size = size
        self._at = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes from where it stands."""
        self._file.seek(self._at)
        data = bytes(self._file.read(max(0, min(size, self._size - self._at))))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Stand elsewhere; before the beginning is an error, behind the end is not."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise OSError("A position before the beginning.")
        self._at = at
        return at

    def tell(self) -> int:
        """Where it stands, bytes."""
        return self._at


def size_of(file: Any) -> int:
    """Bytes in a file object, a map of memory among them."""
    end = file.seek(0, os.SEEK_END)
    size = int(file.tell() if end is None else end)
    file.seek(0)
    return size
