"""Keep capabilities over a change of user."""

from pathlib import Path
from typing import Any

from facegate import kernel

VIOLATES = ("prctl",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    kernel.prctl(8, 1)
