"""Have the kernel send signals to somebody about a descriptor."""

import fcntl
import os
from pathlib import Path
from typing import Any

VIOLATES = ("fcntl",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    return {}, [os.memfd_create("given")]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    fcntl.fcntl(descriptors[0], 8, os.getpid())
