"""Ask the kernel to have a key made, which runs a program; free with pointers that lead nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("request_key",)
FREE = "EFAULT"
LACKS = {"ENOSYS": "keyrings", "EPERM": "keyrings in this container"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("request_key", 1, 1, 0, 0)
