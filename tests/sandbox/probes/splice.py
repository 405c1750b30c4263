"""Move data from a pipe to a pipe."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("splice",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    ready, full = os.pipe()
    os.write(full, b"face")
    empty, into = os.pipe()
    return {}, [ready, into, full, empty]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("splice", descriptors[0], None, descriptors[1], None, 4, 0)
