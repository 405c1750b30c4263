"""Let the kernel merge equal pages, which others can time."""

from pathlib import Path
from typing import Any

from facegate import kernel

VIOLATES = ("prctl",)
LACKS = {"EINVAL": "KSM for processes"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    kernel.prctl(67, 1)
