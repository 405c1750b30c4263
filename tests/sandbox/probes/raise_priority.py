"""Change its priority."""

import os
from pathlib import Path
from typing import Any

VIOLATES = (
    "setpriority",
    "getpriority",
)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.nice(1)
