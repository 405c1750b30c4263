"""No probe by itself: starts a thread that opens a socket when the answer is long given."""

import socket
import threading
import time
from pathlib import Path
from typing import Any


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:  # noqa: ARG001
    def wait() -> None:
        time.sleep(0.2)
        socket.socket()

    threading.Thread(target=wait, daemon=True).start()
