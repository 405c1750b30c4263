"""Advise the kernel on another process's memory; free with a pointer that leads nowhere."""

import os
import signal
from pathlib import Path
from typing import Any

import raw

VIOLATES = ("process_madvise",)
FREE = "EFAULT"
LACKS = {"EPERM": "the right to trace"}


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    victim = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    return {"pid": victim}, [os.pidfd_open(victim)]


def after(given: dict[str, Any]) -> None:
    os.kill(given["pid"], signal.SIGKILL)
    os.waitpid(given["pid"], 0)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    raw.call("process_madvise", descriptors[0], 1, 1, 20, 0)
