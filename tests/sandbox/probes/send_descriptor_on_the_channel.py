"""Send a descriptor on the child's own channel; free with a descriptor that is none."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("sendmsg",)
FREE = "ENOTSOCK"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("sendmsg", 0, 1, 0)
