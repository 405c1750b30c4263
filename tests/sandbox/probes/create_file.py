"""Create a file."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.open(scratch / "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
