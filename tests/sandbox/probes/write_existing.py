"""Open an existing file for writing."""

from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "existing").open("r+b").close()
