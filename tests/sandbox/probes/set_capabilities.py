"""Set capabilities; free with a pointer that leads nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("capset",)
FREE = "EFAULT"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("capset", 1, 1)
