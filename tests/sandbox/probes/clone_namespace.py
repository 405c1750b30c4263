"""Make a process in a namespace of its own."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("clone",)
LACKS = {"EPERM": "user namespaces", "ENOSPC": "user namespaces"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    pid = raw.call("clone", 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
