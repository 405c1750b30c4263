"""Ask which pages of a file are in memory; free with a length of nothing."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("mincore",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("mincore", 0, 0, 0)
