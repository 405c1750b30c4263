"""Watch files of others."""

import os
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("inotify_init1",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("inotify_init1", 0))
