"""Change the root directory."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("chroot",)
LACKS = {"EPERM": "CAP_SYS_CHROOT"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.chroot(scratch)
