"""Make a named pipe."""

import os
from pathlib import Path


def act(scratch: Path) -> None:
    os.mkfifo(scratch / "pipe")
