"""Load a program into the kernel; free with a command that is none."""

from pathlib import Path
from typing import Any

import raw

VIOLATES = ("bpf",)
FREE = "EINVAL"
LACKS = {"EPERM": "CAP_BPF", "ENOSYS": "bpf"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("bpf", 9999, 0, 0)
