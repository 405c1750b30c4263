"""Where an export goes: a file that is there when it is complete, or somebody's stream."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

from facegate.errors import OutputError
from facegate.retention.zipping import Out
from facegate.writing import check_targets

_BUFFER: Final = 1 << 20


class Destination(Out, Protocol):
    """What an export is written to."""

    def complete(self) -> None:
        """All was written."""
        ...

    def take_back(self) -> None:
        """Nothing of it may be there, as far as that can be helped."""
        ...

    def close(self) -> None:
        """Let go of it; idempotent."""
        ...


def destination(to: Any) -> Destination:
    """Where an export goes.

    Args:
        to: a path, or a binary file that is open for writing, and stays open.

    Raises:
        OutputError: it is neither, or nothing can be written there.
    """
    if isinstance(to, (str, os.PathLike)):
        return ToFile(Path(to))
    return ToStream(to)


class ToFile:
    """A file for its owner alone, which has no name before it is complete: killed, nothing of it is left.

    Raises:
        OutputError: the folder does not take it.
    """

    amends = True

    def __init__(self, path: Path) -> None:
        check_targets([path])
        self._path = path
        # A name that was given to it so far.
        self._name: Path | None = None
        with _outside():
            self._file: IO[bytes] = os.fdopen(self._open(), "wb", buffering=_BUFFER)

    def write(self, data: bytes) -> None:
        """Append."""
        with _outside():
            self._file.write(data)

    def amend(self, at: int, data: bytes) -> None:
        """Replace bytes."""
        with _outside():
            self._file.seek(at)
            self._file.write(data)
            self._file.seek(0, os.SEEK_END)

    def complete(self) -> None:
        """Give it its name, with all of it on the disk."""
        with _outside():
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._name is None:
                name = self._path.with_name(f".facegate-{secrets.token_hex(8)}")
                folder = os.open(self._path.parent, os.O_RDONLY)
                try:
                    # With a folder Python lets the kernel follow the link, which /proc has for an open file.
                    os.link(f"/proc/self/fd/{self._file.fileno()}", name, src_dir_fd=folder)
                finally:
                    os.close(folder)
                self._name = name
            self._name.replace(self._path)
            self._name = self._path
            self._sync_folder()

    def take_back(self) -> None:
        """Delete it."""
        if self._name is not None:
            with _outside():
                self._name.unlink(missing_ok=True)
            self._name = None

    def close(self) -> None:
        """Close the file; one without a name is gone."""
        # What could not be written to a full disk, closing tries once more.
        with contextlib.suppress(OSError):
            self._file.close()

    def _open(self) -> int:
        unnamed = getattr(os, "O_TMPFILE", None)
        if unnamed is not None:
            try:
                return os.open(self._path.parent, unnamed | os.O_RDWR, 0o600)
            except OSError as error:
                # Not every file system has files without a name.
                if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}:
                    raise
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".facegate-")
        self._name = Path(name)
        return descriptor

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class ToStream:
    """Somebody's binary file, a pipe or a socket's: written from its beginning to its end, and left open.

    Raises:
        OutputError: it takes no bytes.
    """

    amends = False

    def __init__(self, file: Any) -> None:
        self._file = file
        try:
            with _outside():
                file.write(b"")
        except (AttributeError, TypeError):
            raise OutputError("An export goes to a path, or to a binary file that is open for writing.") from None

    def write(self, data: bytes) -> None:
        """Append."""
        with _outside():
            if not isinstance(self._file, io.RawIOBase):
                self._file.write(data)
                return
            left = memoryview(data)
            while left:
                # Without a buffer, a pipe takes what fits.
                written = self._file.write(left)
                if written is None:
                    raise BlockingIOError(errno.EAGAIN, "it takes nothing now")
                left = left[written:]

    def amend(self, at: int, data: bytes) -> None:
        """Not here."""
        raise NotImplementedError

    def complete(self) -> None:
        """Have it leave this process."""
        if callable(flush := getattr(self._file, "flush", None)):
            with _outside():
                flush()

    def take_back(self) -> None:
        """What is sent is sent; without its end it is no ZIP."""

    def close(self) -> None:
        """It is the caller's."""


@contextlib.contextmanager
def _outside() -> Iterator[None]:
    """Turn what the system raises into one sentence, without the path."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"The export could not be written: {error.strerror or type(error).__name__}.") from None
    except ValueError:
        raise OutputError("The export could not be written: the file is closed.") from None
