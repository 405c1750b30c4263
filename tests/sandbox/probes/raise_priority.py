"""Change its priority."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("setpriority",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, 1)
