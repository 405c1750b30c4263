"""Take more memory than a child may have."""

from pathlib import Path
from typing import Any

REFUSED = "MemoryError"
UNFILTERED = ("MemoryError",)
LACKS = {"MemoryError": "4 GiB of address space"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    bytearray(4 << 30)
