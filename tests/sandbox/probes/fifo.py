"""Make a named pipe."""

import os
from pathlib import Path
from typing import Any

VIOLATES = (
    "mknod",
    "mknodat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.mkfifo(scratch / "pipe")
