"""Let any process trace this one; free where Yama is."""

from pathlib import Path
from typing import Any

from facegate import kernel

VIOLATES = ("prctl",)
FREE = "EINVAL"
LACKS = {"done": "a kernel without Yama"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    kernel.prctl(0x59616D61, (1 << 64) - 1)
