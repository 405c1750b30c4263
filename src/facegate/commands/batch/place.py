"""The folder that a batch writes into: its own for as long as the batch runs, and without anything half-written."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from facegate.errors import OutputError

# What is being written lies here until it is whole. A run that is killed leaves it behind; the next one removes it.
STAGING: Final = ".facegate-staging"


class Place:
    """The folders of outputs and receipts, held for one batch. Use ``with``; thread-safe.

    Args:
        output: folder of the outputs; made if only it is missing.
        receipts: folder of the receipts, likewise; None if they lie beside the outputs.

    Raises:
        OutputError: a folder cannot be made or written to, or another batch writes into it.
    """

    def __init__(self, output: Path, receipts: Path | None) -> None:
        self._folders = [output] if receipts is None else [output, receipts]
        self._numbers = itertools.count()
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as held:
            # One folder under two names would be locked against itself.
            for folder in {_made(each): each for each in self._folders}.values():
                held.enter_context(_locked(folder))
                held.enter_context(_staging(folder))
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @contextlib.contextmanager
    def stage(self) -> Iterator[Path]:
        """A name for an output to be written under; whatever is left there after the block is removed."""
        path = self._folders[0] / STAGING / f"{next(self._numbers)}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def publish(self, staged: Path, target: Path, receipt: Path, text: str) -> None:
        """Give an output and its receipt their names. The receipt comes first: no output is ever without one.

        Args:
            staged: the output, whole.
            target: its name, replaced if it is there.
            receipt: name of the receipt, likewise.
            text: the receipt.

        Raises:
            OutputError: it could not be done.
        """
        written = self._folders[-1] / STAGING / f"{next(self._numbers)}.receipt"
        with writing():
            try:
                for path in (target, receipt):
                    path.parent.mkdir(parents=True, exist_ok=True)
                written.write_text(text, encoding="utf-8")
                written.replace(receipt)
                staged.replace(target)
            finally:
                written.unlink(missing_ok=True)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Around what writes a result.

    Raises:
        OutputError: in place of an `OSError`, whose path would be that of a temporary file.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"The result could not be written: {error.strerror or type(error).__name__}.") from None


def _made(folder: Path) -> tuple[int, int]:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise OutputError(f"The folder {folder.parent} does not exist.") from None
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    status = folder.stat()
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The kernel lets go of the lock when the process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"Another batch is writing into {folder}.") from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[None]:
    path = folder / STAGING
    try:
        if path.is_symlink():
            raise OutputError(f"{path} is a link, so it is not used.")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(0o700)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be written to: {error.strerror}.") from None
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)
