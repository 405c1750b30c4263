"""An upload as the child reads it: piece by piece, at places of its own choosing, and never beyond its end."""

from __future__ import annotations

import os
from typing import Final

from facegate.codes import Refusal

_SET, _CURRENT, _END = range(3)
_LARGEST: Final = 1 << 20


class Given:
    """A binary file, for reading, over a descriptor or over memory.

    Never mapped: a file that is cut while somebody looks at a map of it is a SIGBUS. Read by `pread`, so that whoever
    else reads the same descriptor is not disturbed and does not disturb.

    Args:
        source: a descriptor, owned from now on, or memory.
        start: where the upload begins in it.
        size: bytes of the upload; what comes behind is not looked at.

    Raises:
        Refusal: video.changed, when reading, if less is there than was said.
    """

    def __init__(self, source: int | memoryview, start: int, size: int) -> None:
        self._source = source
        self._start = start
        self._size = size
        self._at = 0

    def again(self) -> Given:
        """The same upload with a position of its own; only the first one is to be closed."""
        return Given(self._source, self._start, self._size)

    def read(self, count: int = -1) -> bytes:
        """At most so many bytes, fewer than asked only at the end."""
        left = self._size - self._at
        wanted = left if count < 0 else min(count, left)
        if wanted <= 0:
            return b""
        place = self._start + self._at
        if isinstance(self._source, int):
            pieces = []
            while wanted:
                piece = os.pread(self._source, min(wanted, _LARGEST), place)
                if not piece:
                    raise Refusal("video.changed")
                pieces.append(piece)
                place, wanted = place + len(piece), wanted - len(piece)
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        else:
            data = bytes(self._source[place : place + wanted])
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = _SET) -> int:
        """As `io.RawIOBase.seek`."""
        base = {_SET: 0, _CURRENT: self._at, _END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("There is nothing before the beginning.")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def close(self) -> None:
        """Give the descriptor back."""
        if isinstance(self._source, int) and self._source >= 0:
            os.close(self._source)
        self._source = -1
