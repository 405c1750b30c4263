"""Bind a TCP port."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socket",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    socket.create_server(("127.0.0.1", 0)).close()
