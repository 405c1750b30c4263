"""Bind a Unix socket to a path, which makes a file."""

import socket
from pathlib import Path


def act(scratch: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(scratch / "socket"))
