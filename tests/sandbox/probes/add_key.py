"""Put data into a keyring."""

import ctypes
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("add_key",)
LACKS = {"ENOSYS": "keyrings", "EPERM": "keyrings in this container"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call(
        "add_key",
        ctypes.create_string_buffer(b"user"),
        ctypes.create_string_buffer(b"facegate-probe"),
        ctypes.create_string_buffer(b"face"),
        4,
        (1 << 64) - 2,
    )
