"""Make a file without a name in a folder on disk."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)
LACKS = {"ENOTSUP": "a file system with O_TMPFILE"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.open(scratch, os.O_TMPFILE | os.O_RDWR, 0o600))
