"""Change a file's mode: nine bits of data."""

from pathlib import Path
from typing import Any

VIOLATES = (
    "chmod",
    "fchmodat",
)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    (scratch / "existing").chmod(0o604)
