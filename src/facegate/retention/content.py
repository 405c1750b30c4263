"""What is put, as a stream of bytes, whatever it is given as."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

from facegate.errors import NotForKeepingError
from facegate.retention.cipher import CHUNK
from facegate.retention.media_types import HEAD, check_head

# Only bytes: a view, an array or a tensor may be a window on something else's memory, and none is encoded media.
Content: TypeAlias = bytes | os.PathLike[str] | IO[bytes] | Iterable[bytes]


def pieces_of(content: Any) -> Iterator[memoryview]:
    """The pieces of some content; a file is opened and closed here.

    Raises:
        NotForKeepingError: it is neither bytes, a path, a binary file nor pieces of bytes.
        OSError: the caller's file cannot be read.
    """
    if isinstance(content, bytes):
        yield memoryview(content)
    elif isinstance(content, os.PathLike):
        with Path(content).open("rb") as file:
            yield from _read(file)
    elif callable(getattr(content, "read", None)):
        yield from _read(content)
    elif isinstance(content, Iterable) and not isinstance(content, (str, bytearray, memoryview)) and _plain(content):
        for piece in content:
            yield memoryview(_bytes(piece))
    else:
        raise _refused()


def checked(pieces: Iterator[memoryview], media_type: str) -> Iterator[memoryview]:
    """The same pieces, once their beginning is that of the type.

    Raises:
        NotForKeepingError: it is not.
    """
    head, held = b"", []
    for piece in pieces:
        held.append(piece)
        head += piece[: HEAD - len(head)]
        if len(head) == HEAD:
            break
    check_head(media_type, head)
    yield from held
    yield from pieces


class Counted:
    """Pieces, and how many bytes went by."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self.bytes = 0

    def __iter__(self) -> Iterator[memoryview]:
        for piece in self._pieces:
            self.bytes += len(piece)
            yield piece


def _read(file: IO[bytes]) -> Iterator[memoryview]:
    while piece := _bytes(file.read(CHUNK)):
        yield memoryview(piece)


def _bytes(piece: object) -> bytes:
    if not isinstance(piece, bytes):
        raise _refused()
    return piece


def _plain(content: object) -> bool:
    """Whether it is no array or tensor, which are iterable, too."""
    return not any(hasattr(content, name) for name in ("__array__", "__dlpack__", "__array_interface__", "expose"))


def _refused() -> NotForKeepingError:
    return NotForKeepingError(
        "What is kept is encoded media: bytes, a path, a binary file, pieces of bytes; no array, tensor, view or face."
    )
