"""Cut a file short."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("truncate",)
UNFILTERED = ("EACCES",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.truncate(scratch / "existing", 0)
