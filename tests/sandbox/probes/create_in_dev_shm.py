"""Create a POSIX shared-memory file."""

import os
import secrets
from pathlib import Path


def act(scratch: Path) -> None:  # noqa: ARG001
    path = Path("/dev/shm") / f"facegate-probe-{secrets.token_hex(8)}"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    path.unlink()
