"""Load another kernel; free with a pointer that leads nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("kexec_load",)
FREE = "EFAULT"
LACKS = {"ENOSYS": "kexec", "EPERM": "CAP_SYS_BOOT"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("kexec_load", 0, 1, 1, 0)
