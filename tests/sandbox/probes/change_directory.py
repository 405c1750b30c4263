"""Change the working directory."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("chdir",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.chdir(scratch)
