"""The child: takes the commands of one request, runs them, answers, and waits to be killed."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, Protocol

from facegate.codes import Refusal
from facegate.memory.inside import lock_process, map_arena
from facegate.quiet import forget
from facegate.sandbox import confine, limits, wire
from facegate.sandbox.budget import Budget
from facegate.sandbox.seccomp.install import Filters, in_force
from facegate.sandbox.seccomp.rules import CHANNEL

# Exit codes of a child, for the receipt; 0 means that the worker closed the channel.
ORPHANED = 3
UNCONFINED = 4


class Workbench(Protocol):
    """What can be done to an upload; `facegate.vision.workbench` is the one that facegate ships."""

    def warm(self) -> None:
        """Run everything once on synthetic pixels, so that no later request pays for first-time work."""

    def begin(self, arena: memoryview) -> None:
        """Take the writable map of the arena; called once, before any command."""

    def perform(self, command: dict[str, Any], regions: Sequence[memoryview], *files: int) -> dict[str, Any]:
        """Carry out one command on what the worker shares for it; raises `Refusal` to say no.

        Args:
            command: ``do`` names it.
            regions: mapped; not only while the command runs, but as long as anything refers to them.
            files: descriptors to read piece by piece, the workbench's from now on.
        """


def run(
    channel: int,
    arena: int,
    *,
    workbench: Workbench,
    parent: int,
    warm: bool,
    filters: Filters | None,
    budget: Budget,
) -> int:
    """Serve one request over the channel.

    Args:
        channel: descriptor of this child's end; the other is the worker's. It takes the place of standard input.
        arena: descriptor of the request's arena, writable still; closed here.
        workbench: loaded in the zygote, shared copy-on-write.
        parent: the zygote's process ID.
        warm: warm up before saying ready. After a fork the first write to each page copies it: in a spare that nobody
            waits for, that is better done beforehand; where a request waits already, it would do the work twice.
        filters: for system calls; None where the host has none.
        budget: what this process may use.

    Returns:
        The exit code.
    """
    if not confine.bind_to_parent(parent):
        return ORPHANED  # the zygote died before the signal was armed
    limits.limit_child(budget)
    os.dup2(channel, CHANNEL)
    os.close(channel)
    talk = socket.socket(fileno=CHANNEL)
    _filter(talk, filters)
    workbench.begin(map_arena(arena))
    memory = lock_process()
    if warm:
        workbench.warm()
    confine.read_back()
    if filters is not None and in_force() == 0:
        return UNCONFINED
    wire.answer(talk, {"ready": True, "threads": confine.threads(), "memory": astuple(memory)})
    while True:
        try:
            command, descriptors = wire.receive(talk)
        except EOFError:
            return 0
        files = descriptors[: command.pop("files", 0)]
        del descriptors[: len(files)]
        try:
            answer = workbench.perform(command, regions(descriptors, command.pop("sources")), *files)
        except (Refusal, MemoryError) as refusal:
            answer = {"refused": refusal.code if isinstance(refusal, Refusal) else "memory"}
            forget(refusal)
        finally:
            wire.close_all(descriptors)
        wire.answer(talk, answer)


def _filter(talk: socket.socket, filters: Filters | None) -> None:
    """Bind this process to its filter, and give the worker the listener that tells of violations."""
    if filters is None:
        wire.answer(talk, {"listener": False})
        return
    listener = filters.install_child(os.getpid())
    if listener is None:
        wire.answer(talk, {"listener": False})
    else:
        wire.send(talk, {"listener": True}, [listener])
        os.close(listener)
    # Before the first command, and so before there is anything that a message could carry away.
    filters.install_later()


def regions(descriptors: Sequence[int], sources: int) -> list[memoryview]:
    """What the worker shares for one command: the first `sources` to read, the rest to write to."""
    access = [mmap.ACCESS_READ] * sources + [mmap.ACCESS_WRITE] * (len(descriptors) - sources)
    return [memoryview(mmap.mmap(each, 0, access=how)) for each, how in zip(descriptors, access, strict=True)]
