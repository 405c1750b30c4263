"""A ZIP, written in one go to whatever takes bytes: entries as they are, ZIP64 where numbers are too large without.

The form is that of APPNOTE 6.3.10. Media are compressed already, so entries are stored. `zipfile` is not used for
writing: it holds an object for each entry, and completes its file even when what was to be in it is not all there.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

# Numbers from here on are written as ZIP64 has them: all bits are set in the field that was too small.
LIMIT: Final = 0xFFFFFFFF
MOST: Final = 0xFFFF
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_DESCRIPTOR: Final = struct.Struct("<4s3L")
_DESCRIPTOR_64: Final = struct.Struct("<4sL2Q")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END: Final = struct.Struct("<4s4H2LH")
# APPNOTE 4.4.4: names are UTF-8; checksum and sizes come after the entry.
_UTF8: Final = 1 << 11
_AFTER: Final = 1 << 3
# Unix, so that what is unpacked is for its owner alone.
_MADE_BY: Final = 3 << 8 | 45
_MODE: Final = 0o100600 << 16


class Out(Protocol):
    """What a ZIP is written to."""

    # Whether `amend` can be used: then an entry's checksum stands before it, as more tools want it.
    amends: bool

    def write(self, data: bytes) -> None:
        """Append."""
        ...

    def amend(self, at: int, data: bytes) -> None:
        """Replace bytes that were written before."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that is complete.

    Attributes:
        bytes: of its content.
        sha256: of its content, lower-case hex.
    """

    bytes: int
    sha256: str


class Zip:
    """A ZIP that is being written. Without `end` it is none, so that nobody takes a part for the whole.

    Args:
        out: takes the bytes.

    Attributes:
        bytes: that were written.
    """

    def __init__(self, out: Out) -> None:
        self._out = out
        self._directory = bytearray()
        self._entries = 0
        self.bytes = 0

    def add(self, name: str, pieces: Iterable[bytes], *, size: int, at: datetime) -> Entry:
        """Write an entry.

        Args:
            name: ASCII, with ``/`` between folders.
            pieces: of the content. What they raise is raised here, and there is no such entry: what came before of it
                stays in the file as bytes that nothing refers to.
            size: bytes of the content, at most.
            at: time of the entry.
        """
        rest = iter(pieces)
        first = next(rest, b"")  # nothing is written if already this fails
        start, encoded, large = self.bytes, name.encode("ascii"), size >= LIMIT
        needed, flags = (45 if large else 20), _UTF8 | (0 if self._out.amends else _AFTER)
        common = (needed, flags, 0, *_dos(at))
        # Until they are known: zeros, or where the sizes are in the extra field.
        unknown = (LIMIT, LIMIT) if large else (0, 0)
        extra = struct.pack("<2H2Q", 1, 16, 0, 0) if large else b""
        self._write(_LOCAL.pack(b"PK\3\4", *common, 0, *unknown, len(encoded), len(extra)) + encoded + extra)
        checksum, count, digest = 0, 0, hashlib.sha256()
        for piece in itertools.chain((first,), rest):
            checksum, count = zlib.crc32(piece, checksum), count + len(piece)
            digest.update(piece)
            self._write(piece)
        if count > size:
            raise ValueError("An entry is longer than it was said to be.")
        if not self._out.amends:
            descriptor = _DESCRIPTOR_64 if large else _DESCRIPTOR
            self._write(descriptor.pack(b"PK\7\10", checksum, count, count))
        elif large:
            self._out.amend(start + 14, struct.pack("<L", checksum))
            self._out.amend(start + _LOCAL.size + len(encoded) + 4, struct.pack("<2Q", count, count))
        else:
            self._out.amend(start + 14, struct.pack("<3L", checksum, count, count))
        self._list(encoded, common, checksum, count, start)
        return Entry(count, digest.hexdigest())

    def end(self) -> None:
        """Write the directory; it is a ZIP when this returns."""
        start, size, number = self.bytes, len(self._directory), self._entries
        self._write(bytes(self._directory))
        if number >= MOST or size >= LIMIT or start >= LIMIT:
            at = self.bytes
            self._write(_END_64.pack(b"PK\6\6", _END_64.size - 12, _MADE_BY, 45, 0, 0, number, number, size, start))
            self._write(_LOCATOR.pack(b"PK\6\7", 0, at, 1))
            number = MOST
            size, start = (each if each < LIMIT else 0xFFFFFFFF for each in (size, start))
        self._write(_END.pack(b"PK\5\6", 0, 0, number, number, size, start, 0))

    def _list(self, name: bytes, common: tuple[int, ...], checksum: int, count: int, start: int) -> None:
        _, *rest = common
        wide = [each for each in (count, count, start) if each >= LIMIT]
        extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        narrow = [each if each < LIMIT else 0xFFFFFFFF for each in (count, count, start)]
        needed = 45 if wide else common[0]
        head = (_MADE_BY, needed, *rest, checksum, narrow[0], narrow[1], len(name), len(extra), 0, 0, 0, _MODE)
        self._directory += _CENTRAL.pack(b"PK\1\2", *head, narrow[2]) + name + extra
        self._entries += 1

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self.bytes += len(data)


def _dos(at: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS had them: from 1980 on, in steps of two seconds; here in UTC."""
    when = at.astimezone(UTC)
    if not 1980 <= when.year <= 2107:
        return 0, 1 << 5 | 1
    return (
        when.hour << 11 | when.minute << 5 | when.second // 2,
        (when.year - 1980) << 9 | when.month << 5 | when.day,
    )
