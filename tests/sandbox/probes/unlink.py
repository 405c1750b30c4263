"""Take a file away."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "unlink",
    "unlinkat",
)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "existing").unlink()
