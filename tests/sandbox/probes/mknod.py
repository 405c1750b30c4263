"""Make a regular file by its type."""

import os
import stat
from pathlib import Path
from typing import Any

VIOLATES = (
    "mknod",
    "mknodat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.mknod(scratch / "node", stat.S_IFREG | 0o600)
