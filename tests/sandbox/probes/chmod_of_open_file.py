"""Change the mode of a file opened for reading."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("fchmod",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.fchmod(os.open(scratch / "existing", os.O_RDONLY), 0o604)
