"""Write to an anonymous file that could then be handed on."""

import os
from pathlib import Path


def act(scratch: Path) -> None:  # noqa: ARG001
    descriptor = os.memfd_create("probe")
    os.write(descriptor, b"face")
