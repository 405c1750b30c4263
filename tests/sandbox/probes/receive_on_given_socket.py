"""Receive, with descriptors, on a socket that is not the channel."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = (
    "getsockname",
    "recvmsg",
)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    ours, theirs = socket.socketpair()
    theirs.send(b"face")
    return {}, [ours.detach(), theirs.detach()]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    channel = socket.socket(fileno=descriptors[0])
    channel.recvmsg(16)
