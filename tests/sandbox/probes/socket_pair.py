"""Make a pair of connected sockets."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socketpair",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    socket.socketpair()
