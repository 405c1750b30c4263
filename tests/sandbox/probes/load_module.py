"""Load a module; free with a descriptor that is none."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("finit_module",)
FREE = "EBADF"
LACKS = {"EPERM": "CAP_SYS_MODULE", "ENOSYS": "modules", "EFAULT": "modules"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("finit_module", 999, 1, 0)
