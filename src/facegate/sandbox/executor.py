"""The child: takes the commands of one request, runs them, answers, and waits to be killed."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import astuple
from typing import Any, Protocol

from facegate import kernel
from facegate.codes import Refusal
from facegate.memory.inside import lock_process, map_arena
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
    workbench.begin(map_arena(arena))
    memory = lock_process()
    if warm:
        workbench.warm()
    confine.read_back()
    wire.send(channel, {"ready": True, "threads": confine.threads(), "memory": astuple(memory)})
    while True:
        try:
            command, descriptors = wire.receive(channel)
        except EOFError:
            return 0
        try:
            answer = workbench.perform(command, descriptors)
        except Refusal as refusal:
            answer = {"refused": refusal.code}
        except MemoryError:
            answer = {"refused": "memory"}
        finally:
            wire.close_all(descriptors)
        wire.send(channel, answer)
