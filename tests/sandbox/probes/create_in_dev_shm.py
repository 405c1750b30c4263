"""Create a file in the shared-memory file system."""

import os
import secrets
from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    path = Path("/dev/shm") / f"facegate-probe-{secrets.token_hex(8)}"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    path.unlink()
