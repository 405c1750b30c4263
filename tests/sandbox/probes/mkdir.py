"""Make a directory."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "mkdir",
    "mkdirat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "directory").mkdir()
