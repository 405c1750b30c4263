"""Open a descriptor of a process."""

import os
import signal
from pathlib import Path
from typing import Any

VIOLATES = ("pidfd_open",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    victim = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    return {"pid": victim}, [os.pidfd_open(victim)]


def after(given: dict[str, Any]) -> None:
    os.kill(given["pid"], signal.SIGKILL)
    os.waitpid(given["pid"], 0)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.pidfd_open(given["pid"]))
