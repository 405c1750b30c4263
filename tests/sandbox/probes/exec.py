"""Become another program."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("execve",)
FREE = "ENOENT"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.execv("/facegate/no/such/program", ["no"])
