"""Open a file system to be mounted; free with a pointer that leads nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("fsopen",)
FREE = "EFAULT"
LACKS = {"EPERM": "CAP_SYS_ADMIN"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("fsopen", 1, 0)
