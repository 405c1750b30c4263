"""Open a socket of the CAN bus family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)
LACKS = {"EAFNOSUPPORT": "AF_CAN", "EPERM": "AF_CAN"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 29, 3, 1))
