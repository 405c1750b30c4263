"""Read the memory of another process."""

import ctypes
import os
import signal
import struct
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("process_vm_readv",)
LACKS = {"EPERM": "the right to trace"}


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    victim = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    return {"pid": victim}, [os.pidfd_open(victim)]


def after(given: dict[str, Any]) -> None:
    os.kill(given["pid"], signal.SIGKILL)
    os.waitpid(given["pid"], 0)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    data = ctypes.create_string_buffer(16)
    vector = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(data), 0), 16)
    raw.call("process_vm_readv", given["pid"], vector, 1, vector, 1, 0)
