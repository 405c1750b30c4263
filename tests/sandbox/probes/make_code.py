"""Make written memory executable."""

import ctypes
import mmap
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("mprotect",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    raw.call("mprotect", address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
