"""Make a POSIX message queue."""

import ctypes
import os
import secrets
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("mq_open",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    name = ctypes.create_string_buffer(f"facegate-{secrets.token_hex(8)}".encode())
    os.close(raw.call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, 0))
    raw.call("mq_unlink", name)
