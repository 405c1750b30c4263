"""Make an anonymous file in memory."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("memfd_create",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.memfd_create("face"))
