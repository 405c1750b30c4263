"""Connect a socket that came open; free it is connected already."""

import ctypes
import socket
import struct
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("connect",)
FREE = "EINVAL"


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    ours, theirs = socket.socketpair()
    return {}, [ours.detach(), theirs.detach()]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    address = ctypes.create_string_buffer(struct.pack("=H", socket.AF_UNIX), 2)
    raw.call("connect", descriptors[0], address, 2)
