"""Create a file."""

import os
from pathlib import Path


def act(scratch: Path) -> None:
    os.close(os.open(scratch / "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
