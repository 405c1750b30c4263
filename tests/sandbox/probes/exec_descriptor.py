"""Become a program that came open; free with a descriptor that is none."""

import ctypes
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("execveat",)
FREE = "EBADF"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("execveat", 999, ctypes.create_string_buffer(1), None, None, 0x1000)
