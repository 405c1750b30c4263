"""Text that is written piece by piece and read once, in memory in between, compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

# Of it compressed; such text expands to some five times as much.
_PIECE: Final = 1 << 16


class Spool:
    """What an export notes on the way and has to write at its end; on no disk, since it is about a person."""

    def __init__(self) -> None:
        self._compress = zlib.compressobj(1)
        self._held = bytearray()
        self.bytes = 0

    def add(self, text: bytes) -> None:
        """Append."""
        self._held += self._compress.compress(text)
        self.bytes += len(text)

    def __iter__(self) -> Iterator[bytes]:
        """All of it; nothing can be added any more."""
        self._held += self._compress.flush()
        expand = zlib.decompressobj()
        for start in range(0, len(self._held), _PIECE):
            yield expand.decompress(self._held[start : start + _PIECE])
