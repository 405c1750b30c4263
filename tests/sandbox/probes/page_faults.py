"""Handle page faults in user space."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("userfaultfd",)
LACKS = {"ENOSYS": "userfaultfd"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("userfaultfd", 1))
