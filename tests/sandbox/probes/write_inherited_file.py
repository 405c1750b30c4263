"""Write to a file that came open: the size limit stops what Landlock cannot."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("write",)
UNFILTERED = ("EFBIG",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    return {}, [os.open(scratch / "existing", os.O_RDWR)]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.write(descriptors[0], b"face")
