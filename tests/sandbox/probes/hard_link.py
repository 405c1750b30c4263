"""Make a hard link."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "link",
    "linkat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "link").hardlink_to(scratch / "existing")
