"""Connect to an abstract Unix socket of a process outside."""

import os
import secrets
import socket
from pathlib import Path


def prepare(scratch: Path) -> None:  # noqa: ARG001
    # The listener is another process: the domain ends at the confined one.
    global name
    name = "\0facegate-probe-" + secrets.token_hex(8)
    ready, told = os.pipe()
    if os.fork() == 0:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(name)
            listener.listen()
            listener.settimeout(10)
            os.write(told, b"1")
            try:
                listener.accept()
            finally:
                os._exit(0)
    os.read(ready, 1)


def act(scratch: Path) -> None:  # noqa: ARG001
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name)
