"""Forbidden acts for a real child: the zygote and the child with all protections, and a bench that tries one of them.

Run as ``python -m facegate.audit.watchers.acts FD MEMORY CPU`` by `facegate.audit.watchers.calls`. The tests of the
sandbox try every forbidden act; these few show that what a child is caught at is seen.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from facegate.sandbox import zygote


def _write() -> None:
    os.close(os.open("/tmp/facegate-control-child", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _connect() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _run() -> None:
    os.execv("/bin/true", ["/bin/true"])


def _share() -> None:
    ctypes.CDLL(None).shmget(0, 4096, 0o1600)


def _anonymous() -> None:
    os.close(os.memfd_create("facegate-control-child"))


def _rename() -> None:
    os.rename("/facegate-control-a", "/facegate-control-b")


ACTS: Final[dict[str, Callable[[], None]]] = {
    "write": _write,
    "connect": _connect,
    "run": _run,
    "share": _share,
    "anonymous": _anonymous,
    "rename": _rename,
}


class ForbiddenBench:
    """`facegate.sandbox.executor.Workbench` whose one command carries out a forbidden act."""

    def models(self) -> dict[str, str]:
        """No networks are loaded."""
        return {}

    def warm(self) -> None:
        """Nothing to warm."""

    def begin(self, arena: memoryview) -> None:
        """The arena is not used."""

    def perform(self, command: dict[str, Any], regions: Sequence[memoryview], *files: int) -> dict[str, Any]:
        """Carry out the act that the command names."""
        try:
            ACTS[command["act"]]()
        except OSError as error:
            return {"outcome": error.errno}
        return {"outcome": 0}


if __name__ == "__main__":
    zygote.start(sys.argv[1:], ForbiddenBench)
