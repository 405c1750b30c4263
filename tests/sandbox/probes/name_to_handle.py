"""Ask for a handle of a file; free with pointers that lead nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("name_to_handle_at",)
FREE = "EFAULT"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("name_to_handle_at", -100, 1, 1, 1, 0)
