"""Create POSIX shared memory."""

import ctypes
import os
import secrets
from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    name = f"/facegate-probe-{secrets.token_hex(8)}".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "shm_open")
    os.close(descriptor)
    libc.shm_unlink(name)
