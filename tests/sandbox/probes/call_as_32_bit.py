"""Enter the kernel by the door of 32-bit programs, whose numbers mean other calls."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("i386:20",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.Entry.enter()
