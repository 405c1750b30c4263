"""Connect to an abstract Unix socket of a process outside."""

import secrets
import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socket",)
UNFILTERED = (
    "EPERM",
    "ECONNREFUSED",
)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    name = "\0facegate-probe-" + secrets.token_hex(8)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name)
    listener.listen()
    return {"name": name}, [listener.detach()]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(given["name"])
