"""No probe by itself: tries to open a socket many times, whatever comes of it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import raw


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:  # noqa: ARG001
    for _ in range(given["times"]):
        with suppress(PermissionError):
            raw.call("socket", 2, 2, 0)
