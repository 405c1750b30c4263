"""Take a directory away."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "rmdir",
    "unlinkat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "empty").rmdir()
