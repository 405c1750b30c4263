"""Make a pipe."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("pipe2",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.pipe()
