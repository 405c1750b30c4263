"""Send a signal to a process outside."""

import os
import signal
import time
from pathlib import Path


def prepare(scratch: Path) -> None:  # noqa: ARG001
    global other
    other = os.fork()
    if other == 0:
        time.sleep(10)
        os._exit(0)


def act(scratch: Path) -> None:  # noqa: ARG001
    os.kill(other, signal.SIGKILL)
