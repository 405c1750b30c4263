"""Write files whole or not at all, several of them together."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from facegate.errors import OutputError


def check_targets(paths: list[Path]) -> None:
    """Refuse, before any work, what could not be written after it.

    Raises:
        OutputError: the folder is missing or closed, the target is no plain file, or two targets are one.
    """
    for path in paths:
        if not path.parent.is_dir():
            raise OutputError(f"The folder {path.parent} does not exist.")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise OutputError(f"The folder {path.parent} cannot be written to.")
        # Renaming onto /dev/null as root would replace the device for everybody.
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise OutputError(f"{path} is no plain file, so it is not overwritten.")
    if len({path.parent.resolve() / path.name for path in paths}) != len(paths):
        raise OutputError("Two results cannot be written to one file.")


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write every file, or none: all are complete on disk before the first takes its name.

    Raises:
        OutputError: see `check_targets`; or writing failed, and no file is left half-written.
    """
    check_targets(list(files))
    staged: dict[Path, str] = {}
    try:
        for path, data in files.items():
            staged[path] = _stage(path, data)
        for path in files:
            os.replace(staged[path], path)  # noqa: PTH105
            del staged[path]
    except OSError as error:
        # The temporary file's name, which the error has, would tell the user nothing.
        raise OutputError(f"{path} could not be written: {error.strerror or type(error).__name__}.") from None
    finally:
        for name in staged.values():
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108


def _stage(path: Path, data: bytes) -> str:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".facegate-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            # mkstemp makes the file private; what the user asked for gets the mode of any new file.
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
            file.write(data)
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise
    return name
