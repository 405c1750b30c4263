"""Set up a queue of calls that no filter sees."""

import ctypes
import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("io_uring_setup",)
LACKS = {"ENOSYS": "io_uring", "EPERM": "io_uring for this user"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("io_uring_setup", 4, ctypes.create_string_buffer(120)))
