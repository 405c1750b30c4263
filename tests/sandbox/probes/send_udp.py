"""Send a datagram."""

import socket
from pathlib import Path
from typing import Any

VIOLATES = ("socket",)
UNFILTERED = ("ENETUNREACH",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"face", ("127.0.0.1", 9))
