"""Register with a queue of calls; free with a descriptor that is none."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("io_uring_register",)
FREE = "ENOTSUP"
LACKS = {"ENOSYS": "io_uring", "EPERM": "io_uring for this user"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("io_uring_register", 2, 0, 0, 0)
