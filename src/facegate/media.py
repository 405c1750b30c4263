"""Uploads as the worker holds them, and outputs. The pixels of an upload are in the child; `expose` shows them."""

from __future__ import annotations

import io
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facegate.codes import to_error
from facegate.memory.regions import new_region
from facegate.memory.sealed import Sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from facegate.memory.regions import AnyRegion
    from facegate.request import Request

Source = bytes | bytearray | memoryview | str | os.PathLike[str] | int | BinaryIO

_FIRST_CHUNK = 1 << 16
_CHUNK = 1 << 20
# Their readinto is C and lets go of the buffer.
_NATIVE = (io.BytesIO, io.BufferedReader, io.FileIO)


class Picture(Sealed):
    """A picture that lives in the child of one request.

    Attributes:
        size_wh: width and height, pixels, upright.
        format: type of the upload, e.g. ``"JPEG"``.
    """

    __slots__ = ("_request", "format", "size_wh", "upload_id")

    def __init__(self, request: Request, upload_id: int, size_wh: tuple[int, int], picture_format: str) -> None:
        self._request = request
        self.upload_id = upload_id
        self.size_wh = size_wh
        self.format = picture_format

    redacted = False

    def expose(self) -> AbstractContextManager[NDArray[np.uint8]]:
        """Look at the pixels: (H, W, 3) uint8, RGB, read-only; zeros after the block.

        Raises:
            RequestClosedError: the request is over.
        """
        return self._request.expose_pixels(self)

    def belongs_to(self, request: Request) -> bool:
        """Whether this is a picture of that request."""
        return self._request is request


class ImageUpload(Picture):
    """What came in, decoded and upright."""

    __slots__ = ()


class RedactedImage(Picture):
    """An upload with the faces covered that `Request.redact` was asked to cover."""

    __slots__ = ()
    redacted = True


@dataclass(frozen=True, slots=True, repr=False)
class Output:
    """What goes out: encoded, without metadata, and no longer facegate's; the caller owns it.

    Attributes:
        data: the encoded picture.
        format: ``"jpeg"``, ``"png"`` or ``"webp"``.
    """

    data: bytes
    format: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `data` to `path`."""
        Path(path).write_bytes(self.data)

    def __repr__(self) -> str:
        return f"Output(format={self.format!r}, {len(self.data)} bytes)"


def stage(
    source: Source,
    limit: int,
    request_id: str,
    still_open: Callable[[], None],
    discard: Callable[[AnyRegion, int], None],
) -> tuple[AnyRegion, int]:
    """Read an upload into a sealed region, without a copy in the heap where the source allows it.

    A file object written in Python gets a scratch buffer of 1 MiB instead, which is wiped after each read.

    Args:
        source: bytes, a path, an open descriptor or a binary file object; the caller keeps and closes it.
        limit: most bytes to take.
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
        if data.nbytes > limit:
            raise to_error("limit.bytes", request_id)
        room = data.nbytes
        read = _reader_of(data)
    else:
        # One byte more than allowed, so that too much is noticed. Untouched pages of a memfd cost nothing.
        room = limit + 1
        read = _reader_of(source)
    region = new_region("upload", max(room, 1))
    used = end = 0
    try:
        with region.buffer()[:room] as buffer:
            while used < room:
                # Locked before the bytes come, where the limit allows it. Locking allocates, and the room is far larger
                # than most files, so pieces begin small.
                end = min(used + min(max(used, _FIRST_CHUNK), _CHUNK), room)
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
