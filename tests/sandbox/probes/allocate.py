"""Allocate room in a file that came open; the size limit refuses too late: the file has a new time by then."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("fallocate",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    return {}, [os.open(scratch / "existing", os.O_RDWR)]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("fallocate", descriptors[0], 0, 0, 8192)
