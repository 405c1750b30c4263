"""Have the kernel send one file into another."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("sendfile",)
UNFILTERED = ("EFBIG",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    path = scratch / "existing"
    return {}, [os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR), os.memfd_create("given")]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.sendfile(descriptors[2], descriptors[0], 0, 6)
