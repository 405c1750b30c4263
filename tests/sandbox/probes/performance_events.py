"""Open counters of the processor; free with a pointer that leads nowhere."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("perf_event_open",)
FREE = "EFAULT"
LACKS = {"ENOSYS": "performance events"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("perf_event_open", 1, 0, -1, -1, 0)
