"""Make a namespace."""

from pathlib import Path
from typing import Any

from facegate import kernel

VIOLATES = ("unshare",)
LACKS = {"EPERM": "user namespaces", "ENOSPC": "user namespaces"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    kernel.unshare(0x10000000)
