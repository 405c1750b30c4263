"""Take a descriptor out of another process."""

import os
import signal
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("pidfd_getfd",)
UNFILTERED = ("EPERM",)
LACKS = {"EPERM": "the right to trace"}


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    victim = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    return {"pid": victim}, [os.pidfd_open(victim)]


def after(given: dict[str, Any]) -> None:
    os.kill(given["pid"], signal.SIGKILL)
    os.waitpid(given["pid"], 0)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(raw.call("pidfd_getfd", descriptors[0], 0, 0))
