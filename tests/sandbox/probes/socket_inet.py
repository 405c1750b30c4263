"""Open a socket of the IPv4 family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 2, 2, 0))
