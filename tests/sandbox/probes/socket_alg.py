"""Open a socket of the kernel-crypto family."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("socket",)
LACKS = {"EAFNOSUPPORT": "AF_ALG", "EPERM": "AF_ALG"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("socket", 38, 5, 0))
