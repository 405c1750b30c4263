"""Uploads as they came in, kept until purge, for a policy that shares them so: with everyone and everything in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facegate.codes import to_error
from facegate.errors import SharingError
from facegate.memory.wiped import Wiped

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.incoming import PlainFile
    from facegate.memory.regions import AnyRegion

_CHUNK = 1 << 20


class FileOriginal:
    """A plain file of the caller's, through a descriptor of our own; nothing of it is ours to wipe.

    Args:
        file: whose descriptor is duplicated, and read without moving where it stands.
    """

    name = "upload file"

    def __init__(self, file: PlainFile) -> None:
        self.size = file.size
        self._start = file.start
        self._descriptor = os.dup(file.descriptor)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._descriptor < 0

    def read(self, request_id: str) -> bytes:
        """All of it.

        Raises:
            DecodeError: less is there than there was.
        """
        pieces, read = [], 0
        while read < self.size:
            piece = os.pread(self._descriptor, min(_CHUNK, self.size - read), self._start + read)
            if not piece:
                raise to_error("video.changed", request_id)
            pieces.append(piece)
            read += len(piece)
        return b"".join(pieces)

    def wipe(self, used: int | None = None) -> Wiped:  # noqa: ARG002
        """Nothing: the file is the caller's."""
        return Wiped(self.name, 0, 0, 0)

    def close(self) -> None:
        """Give the descriptor back; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Originals:
    """Those of one request, by the number of the upload.

    Args:
        wanted: whether the policy shares any upload of the request's purpose as it came; otherwise none is kept.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self._kept: dict[int, FileOriginal | tuple[AnyRegion, int]] = {}

    def keep(self, custody: Custody, upload_id: int, upload: PlainFile | tuple[AnyRegion, int]) -> None:
        """Keep one, in custody until purge; only inside `Custody.working`, and where that is wanted."""
        if isinstance(upload, tuple):
            self._kept[upload_id] = upload
        else:
            self._kept[upload_id] = custody.hold(FileOriginal(upload))

    def read(self, upload_id: int, request_id: str) -> bytes:
        """A copy of one, byte for byte; only inside `Custody.working`.

        Raises:
            SharingError: it was not kept.
            DecodeError: the caller's file has got shorter.
        """
        kept = self._kept.get(upload_id)
        if kept is None:
            raise SharingError("The upload was not kept as it came.", request_id=request_id)
        if isinstance(kept, FileOriginal):
            return kept.read(request_id)
        region, used = kept
        with region.buffer() as buffer:
            return bytes(buffer[:used])
