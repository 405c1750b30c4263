"""Give memory to a pipe."""

import ctypes
import os
import struct
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("vmsplice",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    ready, full = os.pipe()
    os.write(full, b"face")
    empty, into = os.pipe()
    return {}, [ready, into, full, empty]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    data = ctypes.create_string_buffer(b"face")
    vector = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(data), 4), 16)
    raw.call("vmsplice", descriptors[1], vector, 1, 0)
