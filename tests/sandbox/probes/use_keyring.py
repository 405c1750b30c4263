"""Ask for the process's keyring."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("keyctl",)
LACKS = {"ENOSYS": "keyrings", "EPERM": "keyrings in this container"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("keyctl", 0, (1 << 64) - 2, 1)
