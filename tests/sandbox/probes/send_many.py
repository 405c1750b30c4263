"""Send several messages at once; free with a descriptor that is none."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("sendmmsg",)
FREE = "ENOTSOCK"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("sendmmsg", 2, 1, 1, 0)
