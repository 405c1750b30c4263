"""Reboot; free with magic numbers that the kernel refuses."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("reboot",)
FREE = "EINVAL"
LACKS = {"EPERM": "CAP_SYS_BOOT"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("reboot", 0, 0, 0, 0)
