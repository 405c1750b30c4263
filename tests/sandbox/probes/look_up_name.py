"""Look a name up, which tells a server."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socket",)
FREE = "gaierror"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    socket.getaddrinfo("facegate.invalid", 443)
