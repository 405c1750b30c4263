"""Map memory that can be executed."""

import mmap
from pathlib import Path
from typing import Any

VIOLATES = ("mmap",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
