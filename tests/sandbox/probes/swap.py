"""Swap to a file; free with a pointer that leads nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("swapon",)
FREE = "EFAULT"
LACKS = {"EPERM": "CAP_SYS_ADMIN", "ENOSYS": "swap"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("swapon", 1, 0)
