"""Connect over TCP."""

import socket
from pathlib import Path


def prepare(scratch: Path) -> None:  # noqa: ARG001
    global listener
    listener = socket.create_server(("127.0.0.1", 0))


def act(scratch: Path) -> None:  # noqa: ARG001
    socket.create_connection(listener.getsockname(), timeout=5).close()
