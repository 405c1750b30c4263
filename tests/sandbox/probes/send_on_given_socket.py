"""Send on a socket that is not the channel."""

import ctypes
import socket
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("sendto",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    ours, theirs = socket.socketpair()
    return {}, [ours.detach(), theirs.detach()]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("sendto", descriptors[0], ctypes.create_string_buffer(b"face"), 4, 0, 0, 0)
