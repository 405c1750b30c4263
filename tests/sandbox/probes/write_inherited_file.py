"""Write to a file that was open before the confinement: the size limit stops what Landlock cannot."""

import os
from pathlib import Path


def prepare(scratch: Path) -> None:
    global descriptor
    descriptor = os.open(scratch / "existing", os.O_WRONLY | os.O_APPEND)


def act(scratch: Path) -> None:  # noqa: ARG001
    os.write(descriptor, b"face")
