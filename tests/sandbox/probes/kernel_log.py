"""Ask for the size of the kernel's log."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("syslog",)
LACKS = {"EPERM": "CAP_SYSLOG"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("syslog", 10, 0, 0)
