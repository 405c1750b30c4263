"""Open a socket of the virtual-machine family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)
LACKS = {"EAFNOSUPPORT": "AF_VSOCK", "EPERM": "AF_VSOCK"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 40, 1, 0))
