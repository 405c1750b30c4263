"""Call by a number of the x32 table."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = (
    "x32:39",
    "number:1073741863",
)
LACKS = {"ENOSYS": "the x32 table"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.numbered(0x40000000 | 39)
