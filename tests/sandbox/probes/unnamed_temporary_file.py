"""Make a file without a name."""

import os
from pathlib import Path


def act(scratch: Path) -> None:
    descriptor = os.open(scratch, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(descriptor, b"face")
    os.close(descriptor)
