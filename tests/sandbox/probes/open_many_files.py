"""Open more files than a child may have."""

import os
from pathlib import Path
from typing import Any

REFUSED = "EMFILE"
UNFILTERED = ("EMFILE",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    [os.open(scratch / "existing", os.O_RDONLY) for _ in range(100)]
