"""Push input to a terminal; free with a descriptor that is no terminal."""

import fcntl
import termios
from pathlib import Path
from typing import Any

VIOLATES = ("ioctl",)
FREE = "ENOTTY"
LACKS = {"EIO": "TIOCSTI", "EPERM": "TIOCSTI"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    fcntl.ioctl(2, termios.TIOCSTI, b"x")
