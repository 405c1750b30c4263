"""Advise away pages of a shared file: a hole in it."""

import ctypes
import mmap
import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("madvise",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    descriptor = os.memfd_create("given")
    os.ftruncate(descriptor, 4096)
    return {}, [descriptor]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    page = mmap.mmap(descriptors[0], mmap.PAGESIZE)
    raw.call("madvise", ctypes.addressof(ctypes.c_char.from_buffer(page)), mmap.PAGESIZE, 9)
