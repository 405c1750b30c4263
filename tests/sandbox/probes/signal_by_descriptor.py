"""Send a signal by a descriptor of the process."""

import os
import signal
from pathlib import Path
from typing import Any

VIOLATES = ("pidfd_send_signal",)
UNFILTERED = ("EPERM",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    victim = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    return {"pid": victim}, [os.pidfd_open(victim)]


def after(given: dict[str, Any]) -> None:
    os.kill(given["pid"], signal.SIGKILL)
    os.waitpid(given["pid"], 0)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    signal.pidfd_send_signal(descriptors[0], signal.SIGUSR1)
