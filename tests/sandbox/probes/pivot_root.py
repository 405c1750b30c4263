"""Swap the root; free with pointers that lead nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("pivot_root",)
FREE = "EFAULT"
LACKS = {"EPERM": "CAP_SYS_ADMIN"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("pivot_root", 1, 1)
