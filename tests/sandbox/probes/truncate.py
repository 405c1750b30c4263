"""Truncate an existing file by its path."""

import os
from pathlib import Path


def act(scratch: Path) -> None:
    os.truncate(scratch / "existing", 0)
