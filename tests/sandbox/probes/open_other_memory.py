"""Open the memory of another process as a file; capabilities would allow it."""

import os
import signal
from pathlib import Path
from typing import Any

REFUSED = "EACCES"
UNFILTERED = ("EACCES",)
LACKS = {"EACCES": "the right to trace"}


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    victim = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    return {"pid": victim}, [os.pidfd_open(victim)]


def after(given: dict[str, Any]) -> None:
    os.kill(given["pid"], signal.SIGKILL)
    os.waitpid(given["pid"], 0)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.close(os.open(f"/proc/{given['pid']}/mem", os.O_RDONLY))
