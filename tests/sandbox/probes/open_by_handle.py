"""Open a file past all paths; free with a handle that leads nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("open_by_handle_at",)
FREE = "EFAULT"
LACKS = {"EPERM": "CAP_DAC_READ_SEARCH"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("open_by_handle_at", -100, 1, 0)
