"""Have the kernel copy between files that came open."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("copy_file_range",)
UNFILTERED = ("EFBIG",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    path = scratch / "existing"
    return {}, [os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR), os.memfd_create("given")]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.copy_file_range(descriptors[0], descriptors[1], 2, 0, 6)
