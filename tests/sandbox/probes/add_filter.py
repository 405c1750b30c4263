"""Add a filter that hides what is tried."""

from pathlib import Path
from typing import Any

import raw

from facegate import kernel

VIOLATES = ("prctl",)
FREE = "EFAULT"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    kernel.prctl(38, 1)
    raw.call("seccomp", 1, 0, 1)
