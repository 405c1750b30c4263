"""Open a socket of the raw packet family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)
LACKS = {"EAFNOSUPPORT": "packet sockets", "EPERM": "packet sockets"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 17, 3, 0))
