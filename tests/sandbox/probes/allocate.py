"""Allocate room in a file that came open."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("fallocate",)
UNFILTERED = ("EFBIG",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    return {}, [os.open(scratch / "existing", os.O_RDWR)]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("fallocate", descriptors[0], 0, 0, 8192)
