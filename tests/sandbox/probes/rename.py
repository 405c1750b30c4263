"""Rename a file: its new name can carry data."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "rename",
    "renameat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "existing").rename(scratch / "face")
