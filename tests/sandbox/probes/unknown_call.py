"""Call by a number that no kernel has yet."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("number:1000",)
FREE = "ENOSYS"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.numbered(1000)
