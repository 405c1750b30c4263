"""Connect over TCP."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socket",)
UNFILTERED = ("EACCES",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    return {"port": listener.getsockname()[1]}, [listener.detach()]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    socket.create_connection(("127.0.0.1", given["port"]), timeout=5).close()
