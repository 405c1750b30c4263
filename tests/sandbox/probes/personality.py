"""Ask for the execution domain."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("personality",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("personality", 0xFFFFFFFF)
