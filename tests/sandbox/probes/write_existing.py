"""Open an existing file for writing."""

import os
from pathlib import Path


def act(scratch: Path) -> None:
    os.close(os.open(scratch / "existing", os.O_WRONLY))
