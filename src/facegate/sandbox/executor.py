"""The child: takes the commands of one request, runs them, answers, and waits to be killed."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from typing import Any, Protocol

from facegate import kernel
from facegate.codes import Refusal
from facegate.quiet import forget
from facegate.sandbox import confine, wire

# Exit codes of a child, for the receipt; 0 means that the worker closed the channel.
ORPHANED = 3
UNCONFINED = 4


class Workbench(Protocol):
    """What can be done to an upload; `facegate.vision.workbench` is the one that facegate ships."""

    def warm(self) -> None:
        """Run everything once on synthetic pixels, so that no later request pays for first-time work."""

    def begin(self, arena: memoryview) -> None:
        """Take the writable map of the arena; called once, before any command."""

    def perform(self, command: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """Carry out one command; raises `Refusal` to say no. Descriptors belong to the caller."""


def run(channel: socket.socket, arena: int, workbench: Workbench, parent: int, *, warm: bool) -> int:
    """Serve one request over `channel`.

    Args:
        channel: this child's end; the other is the worker's.
        arena: descriptor of the request's arena, writable still; closed here.
        workbench: loaded in the zygote, shared copy-on-write.
        parent: the zygote's process ID.
        warm: warm up before saying ready. After a fork the first write to each page copies it: in a spare that nobody
            waits for, that is better done beforehand; where a request waits already, it would do the work twice.

    Returns:
        The exit code.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return ORPHANED  # the zygote died before the signal was armed
    workbench.begin(_map(arena))
    if warm:
        workbench.warm()
    confine.read_back()
    wire.send(channel, {"ready": True, "threads": confine.threads()})
    while True:
        try:
            command, descriptors = wire.receive(channel)
        except EOFError:
            return 0
        try:
            answer = workbench.perform(command, descriptors)
        except (Refusal, MemoryError) as refusal:
            answer = {"refused": refusal.code if isinstance(refusal, Refusal) else "memory"}
            forget(refusal)
        finally:
            wire.close_all(descriptors)
        wire.send(channel, answer)


def _map(arena: int) -> memoryview:
    """The arena, writable, for the rest of this process; its descriptor is closed.

    Not through the mmap module: that keeps a duplicate of the descriptor.
    """
    size = os.fstat(arena).st_size
    address = kernel.map_file(arena, size, kernel.PROT_READ | kernel.PROT_WRITE)
    kernel.advise(address, size, kernel.MADV_DONTDUMP)
    os.close(arena)
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")
