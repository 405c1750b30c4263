"""Write to a place in a file that came open."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("pwrite64",)
UNFILTERED = ("EFBIG",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    return {}, [os.open(scratch / "existing", os.O_RDWR)]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.pwrite(descriptors[0], b"face", 0)
