"""Bind a TCP port."""

import socket
from pathlib import Path


def act(scratch: Path) -> None:  # noqa: ARG001
    socket.create_server(("127.0.0.1", 0)).close()
