"""Make a symbolic link: its target can carry data."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "symlink",
    "symlinkat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "link").symlink_to("face")
