"""Open a file for reading only, but with the flag that empties it."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("openat",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.open(scratch / "existing", os.O_RDONLY | os.O_TRUNC))
