"""Where an output goes that comes in pieces: a file that is there whole or not at all, a file object, or memory."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias

from facegate.errors import OutputError
from facegate.writing import check_targets

if TYPE_CHECKING:
    from typing import Final

To: TypeAlias = "str | os.PathLike[str] | BinaryIO | None"

# Copying is done in pieces of this size.
_CHUNK: Final = 1 << 20


class Target(Protocol):
    """Takes pieces, each with its place; then either `whole` and `keep` are called, or `discard`."""

    @property
    def path(self) -> Path | None:
        """The file that is written, if it has a path."""

    def write(self, offset: int, piece: memoryview) -> None:
        """Put a piece in its place."""

    def whole(self) -> None:
        """No piece follows: do all that may fail of putting it where the caller wants it."""

    def keep(self) -> bytes:
        """Put it there. Returns it, if that is memory."""

    def discard(self) -> None:
        """Leave nothing of it; raises nothing."""


def target_for(to: To) -> Target:
    """What the caller's wish stands for.

    Raises:
        OutputError: it could not be written, or is nothing that can be written to.
    """
    if to is None:
        return MemoryTarget()
    if isinstance(to, (str, os.PathLike)):
        return FileTarget(Path(to))
    file: Any = to
    if callable(getattr(file, "write", None)) and not isinstance(file, io.TextIOBase):
        return HandleTarget(file)
    raise OutputError("to must be a path, a binary file object that can be written to, or None.")


class MemoryTarget:
    """Memory of this process; `Output.data`."""

    path: Path | None = None

    def __init__(self) -> None:
        self._file = io.BytesIO()

    def write(self, offset: int, piece: memoryview) -> None:
        """Put a piece in its place."""
        self._file.seek(offset)
        self._file.write(piece)

    def whole(self) -> None:
        """Nothing to do."""

    def keep(self) -> bytes:
        """The output; no copy of it is made."""
        return self._file.getvalue()

    def discard(self) -> None:
        """Let go of it."""
        self._file = io.BytesIO()


class HandleTarget:
    """A file object of the caller's, which gets the output when it is whole; until then that lies in memory.

    Written at once and from where it stands, so it need not be able to seek.
    """

    path: Path | None = None

    def __init__(self, file: Any) -> None:
        self._file = file
        self._memory = MemoryTarget()

    def write(self, offset: int, piece: memoryview) -> None:
        """Put a piece in its place."""
        self._memory.write(offset, piece)

    def whole(self) -> None:
        """Nothing to do: what is written to a file object cannot be taken back."""

    def keep(self) -> bytes:
        """Write the output to the file object, which is not closed."""
        left = memoryview(self._memory.keep())
        while left:
            # An unbuffered file may take less than it was given.
            count = self._file.write(left[:_CHUNK])
            left = left[min(_CHUNK, len(left)) if count is None else count :]
        return b""

    def discard(self) -> None:
        """Let go of it; the file object was not touched."""
        self._memory.discard()


class FileTarget:
    """A file that takes its name when it is whole and on disk, and leaves nothing if it never is.

    Where the file system has files without a name, it has none until then, so that even a worker that is killed leaves
    nothing; elsewhere a name that begins with ``.facegate-``.

    Raises:
        OutputError: see `facegate.writing.check_targets`; or the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        check_targets([path])
        self.path: Path | None = path
        self._target = path
        self._name: str | None = None
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise _not_written(path, error) from None

    def write(self, offset: int, piece: memoryview) -> None:
        """Put a piece in its place.

        Raises:
            OutputError: the file system refused, when it is full for one.
        """
        try:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            while piece:
                piece = piece[os.write(self._descriptor, piece) :]
        except OSError as error:
            raise _not_written(self._target, error) from None

    def whole(self) -> None:
        """Bring it to disk, beside where it belongs.

        Raises:
            OutputError: that failed.
        """
        try:
            if hasattr(os, "fchmod"):  # Windows has none
                mask = os.umask(0)
                os.umask(mask)
                os.fchmod(self._descriptor, 0o666 & ~mask)
            os.fsync(self._descriptor)
            if self._name is None:
                self._link()
            self._close()
        except OSError as error:
            raise _not_written(self._target, error) from None

    def keep(self) -> bytes:
        """Give it its name; what had that name before is replaced.

        Raises:
            OutputError: that failed, and it is gone.
        """
        try:
            os.replace(str(self._name), self._target)  # noqa: PTH105
            self._name = None
        except OSError as error:
            self.discard()
            raise _not_written(self._target, error) from None
        with contextlib.suppress(OSError):  # the name survives a power cut only where folders can be synced
            folder = os.open(self._target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return b""

    def discard(self) -> None:
        """Leave nothing of it."""
        self._close()
        if self._name is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._name)  # noqa: PTH108
            self._name = None

    def _open(self) -> int:
        if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
            with contextlib.suppress(OSError):  # not every file system has it
                return os.open(self._target.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        descriptor, self._name = tempfile.mkstemp(dir=self._target.parent, prefix=".facegate-")
        return descriptor

    def _link(self) -> None:
        """Give a name to a file that has none; one that nobody uses, since a link replaces nothing."""
        place, name = tempfile.mkstemp(dir=self._target.parent, prefix=".facegate-")
        os.close(place)
        os.unlink(name)  # noqa: PTH108
        # With a folder, though the path is whole: without one Python takes link(2), which does not follow.
        folder = os.open(self._target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.link(f"/proc/self/fd/{self._descriptor}", name, src_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
        self._name = name

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _not_written(path: Path, error: OSError) -> OutputError:
    # A temporary file's name, which the error has, would tell the user nothing.
    return OutputError(f"{path} could not be written: {error.strerror or type(error).__name__}.")
