"""Open a socket of the IPv6 family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)
LACKS = {"EAFNOSUPPORT": "IPv6", "EPERM": "IPv6"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 10, 2, 0))
