"""Open a socket of the Bluetooth family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)
LACKS = {"EAFNOSUPPORT": "AF_BLUETOOTH", "EPERM": "AF_BLUETOOTH"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 31, 3, 1))
