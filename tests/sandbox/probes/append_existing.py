"""Open an existing file for appending."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.open(scratch / "existing", os.O_WRONLY | os.O_APPEND))
