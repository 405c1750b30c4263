"""The controls: carries out each probe in a fork of its own that nothing confines. ``free_runner.py FD``."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bench
import raw

from facegate.sandbox import wire

if __name__ == "__main__":
    raw.Entry.prepare()
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        try:
            command, descriptors = wire.receive(control)
        except EOFError:
            sys.exit(0)
        pid = os.fork()
        if pid == 0:
            try:
                wire.send(control, {"outcome": bench.attempt(command, descriptors)})
            finally:
                os._exit(0)
        wire.close_all(descriptors)
        os.waitpid(pid, 0)
