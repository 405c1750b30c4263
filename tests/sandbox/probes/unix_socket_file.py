"""Bind a Unix socket to a path."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socket",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(scratch / "socket"))
