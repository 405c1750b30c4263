"""Choose the processors that it runs on."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("sched_setaffinity",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.sched_setaffinity(0, os.sched_getaffinity(0))
