"""Open a socket of the netlink family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 16, 3, 0))
