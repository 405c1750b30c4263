"""Send a descriptor."""

import socket
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("sendmsg",)
FREE = "EFAULT"


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    ours, theirs = socket.socketpair()
    return {"free": True}, [ours.detach(), theirs.detach()]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("sendmsg", descriptors[0] if given["free"] else 0, 1, 0)
