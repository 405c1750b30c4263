"""Unmount what is no mount point."""

import ctypes
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("umount2",)
FREE = "EINVAL"
LACKS = {"EPERM": "CAP_SYS_ADMIN"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("umount2", ctypes.create_string_buffer(bytes(scratch)), 0)
