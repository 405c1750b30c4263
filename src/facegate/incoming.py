"""Uploads on their way to the child: what they are, and how they get there.

Pictures, and videos that are no plain file, are copied into a sealed region. A video that is a plain file is not
copied: the child gets a descriptor of its own, open for reading only.
"""

from __future__ import annotations

import io
import os
import stat as modes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, TypeAlias

from facegate.codes import to_error
from facegate.memory.regions import LINUX, new_region

if TYPE_CHECKING:
    from facegate.memory.regions import AnyRegion

Source: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str] | int | BinaryIO
Kind: TypeAlias = Literal["image", "video"]

# Enough for every signature below: the second packet of an MPEG transport stream begins at 188.
HEAD_BYTES: Final = 192
_FIRST_CHUNK: Final = 1 << 16
_CHUNK: Final = 1 << 20
# Their readinto is C and lets go of the buffer.
_NATIVE: Final = (io.BytesIO, io.BufferedReader, io.FileIO)

# What the first bytes of a video are, offset and bytes; all else is taken for a picture, and the child says if it is
# none. ISO base media (MP4, MOV) begins with a box whose name stands behind its size.
_VIDEO: Final = (
    *((4, box) for box in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")),
    (0, b"\x1a\x45\xdf\xa3"),  # EBML: Matroska, WebM
    (8, b"AVI "),  # RIFF; WebP has another word here
)
_PACKET: Final = 188
# Brands of still pictures in an ISO file: HEIF and AVIF.
_STILL: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif"})


def kind_of(head: bytes) -> Kind:
    """Whether an upload is a picture or a video, by its first bytes alone; nothing is parsed.

    Animated GIF and WebP begin as pictures of these types do, and are taken for one.

    Args:
        head: the first `HEAD_BYTES` bytes, or all if there are fewer.
    """
    if head[4:8] == b"ftyp" and head[8:12] in _STILL:
        return "image"
    if head[:1] == b"G" == head[_PACKET : _PACKET + 1] and not head.startswith(b"GIF8"):
        return "video"  # MPEG transport stream
    return "video" if any(head[at : at + len(mark)] == mark for at, mark in _VIDEO) else "image"


@dataclass(slots=True)
class PlainFile:
    """A plain file, open for reading only, whose descriptor is ours.

    Attributes:
        descriptor: to be closed by whoever takes it.
        start: where the upload begins: where the caller's own descriptor stood.
        size: bytes from there.
    """

    descriptor: int
    start: int
    size: int

    def head(self) -> bytes:
        """The first bytes."""
        return os.pread(self.descriptor, HEAD_BYTES, self.start)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


def plain_file(source: Source) -> PlainFile | None:
    """The source as a plain file, if it is one that can be opened anew, read-only and with a position of its own.

    Of file objects only Python's own, unbuffered or buffered for reading: others may have a descriptor and yet read
    something else than what lies there, as `gzip.GzipFile` does. The caller's position is not moved. Elsewhere
    than on Linux everything is copied.

    Raises:
        OSError: a path cannot be opened.
    """
    if not LINUX or isinstance(source, (bytes, bytearray, memoryview)):
        return None
    if isinstance(source, (str, os.PathLike)):
        # Without waiting for whoever would write to it, were it a pipe.
        return _taken(os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), 0)
    if not isinstance(source, int):
        if type(source) is io.BufferedReader and type(source.raw) is not io.FileIO:
            return None
        if type(source) not in {io.BufferedReader, io.FileIO}:
            return None
    try:
        start = os.lseek(source, 0, os.SEEK_CUR) if isinstance(source, int) else source.tell()
        descriptor = source if isinstance(source, int) else source.fileno()
        # Not a duplicate: that shares its position with the caller's, and may be open for writing.
        anew = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None  # a pipe, a file that was opened by somebody else, no /proc: it is read and copied instead
    return _taken(anew, start)


def _taken(descriptor: int, start: int) -> PlainFile | None:
    try:
        found = os.fstat(descriptor)
        if modes.S_ISREG(found.st_mode):
            os.set_blocking(descriptor, True)
            return PlainFile(descriptor, start, max(found.st_size - start, 0))
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def stage(
    source: Source,
    limit: int | Callable[[bytes], int],
    request_id: str,
    still_open: Callable[[], None],
    discard: Callable[[AnyRegion, int], None],
) -> tuple[AnyRegion, int]:
    """Read an upload into a sealed region, without a copy in the heap where the source allows it.

    A file object written in Python gets a scratch buffer of 1 MiB instead, which is wiped after each read.

    Args:
        source: bytes, a path, an open descriptor or a binary file object; the caller keeps and closes it.
        limit: most bytes to take; or a function that says so when it is given the first bytes.
        request_id: for errors.
        still_open: called between reads; raises when the request is over.
        discard: wipes and closes a region whose upload is refused, given the bytes of it that may have been touched.

    Returns:
        The region, which the caller owns, and the bytes used in it.

    Raises:
        UploadError: it is empty or over the limit.
        OSError: it cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb", buffering=0) as file:
            return stage(file, limit, request_id, still_open, discard)
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = memoryview(source).cast("B")
        head = b""
        limit = limit(bytes(data[:HEAD_BYTES])) if callable(limit) else limit
        if data.nbytes > limit:
            raise to_error("limit.bytes", request_id)
        room = data.nbytes
        read = _reader_of(data)
    else:
        read = _reader_of(source)
        head = _head(read) if callable(limit) else b""
        limit = limit(head) if callable(limit) else limit
        # One byte more than allowed, so that too much is noticed. Untouched pages of a memfd cost nothing.
        room = max(limit, len(head)) + 1
    region = new_region("upload", max(room, 1))
    used = end = len(head)
    try:
        with region.buffer()[:room] as buffer:
            # Locked before the bytes come, where the limit allows it. Locking allocates, and the room is far larger
            # than most files, so pieces begin small.
            region.lock_used(min(_FIRST_CHUNK, room))
            buffer[:used] = head
            while used < room:
                end = min(max(2 * used, _FIRST_CHUNK), used + _CHUNK, room)
                region.lock_used(end)
                count = read(buffer[used:end])
                if not count:
                    break
                still_open()
                used += count
        if used > limit:
            raise to_error("limit.bytes", request_id)
        if used == 0:
            raise to_error("format.empty", request_id)
        region.seal()
    except BaseException:
        # A read that failed may have left bytes behind those that it told of.
        discard(region, end)
        raise
    return region, used


def _head(read: Callable[[memoryview], int]) -> bytes:
    """The first bytes, or all if there are fewer, however small the pieces are in which they come."""
    head = bytearray(HEAD_BYTES)
    used = 0
    with memoryview(head) as buffer:
        while used < HEAD_BYTES and (count := read(buffer[used:])):
            used += count
    return bytes(head[:used])


def _reader_of(source: memoryview | int | BinaryIO) -> Callable[[memoryview], int]:
    """A function that fills a buffer from the source and returns how much it put there, 0 at the end."""
    if isinstance(source, int):
        return lambda buffer: os.readv(source, [buffer])
    if isinstance(source, memoryview):
        position = 0

        def from_memory(buffer: memoryview) -> int:
            nonlocal position
            piece = source[position : position + len(buffer)]
            buffer[: len(piece)] = piece
            position += len(piece)
            return len(piece)

        return from_memory
    if hasattr(source, "readinto"):
        if type(source) not in _NATIVE:
            return _through_scratch(source)
        return lambda buffer: source.readinto(buffer) or 0

    def from_stream(buffer: memoryview) -> int:
        piece = source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    return from_stream


def _through_scratch(source: BinaryIO) -> Callable[[memoryview], int]:
    """A reader for a file object that may keep the buffer it is given.

    Were that the region's own map, which is gone when the upload has been handed over, a later look at it would be a
    SIGSEGV in the worker.
    """
    scratch = bytearray(_CHUNK)

    def read(buffer: memoryview) -> int:
        try:
            given: int = source.readinto(memoryview(scratch)[: len(buffer)]) or 0  # type: ignore[attr-defined]
            count = min(max(given, 0), len(buffer))
            buffer[:count] = memoryview(scratch)[:count]
            return count
        finally:
            scratch[:] = bytes(_CHUNK)

    return read
