"""The zygote: a fresh interpreter that loads and warms the analysis, locks itself down and forks one child per request.

Run as ``python -m facegate.sandbox.zygote FD`` by `facegate.sandbox.host`, with `FD` its end of the control channel.
It stays single-threaded, never sees a request's data, and ends when the worker does.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from typing import Any

from facegate.errors import FacegateError, SandboxSetupError
from facegate.sandbox import confine, executor, silence, wire


def main(control: socket.socket) -> None:
    """Load, lock down, then serve fork and reap commands until the worker is gone."""
    worker = os.pidfd_open(os.getppid())
    if _gone(worker):
        return
    from facegate.vision.workbench import Workbench  # noqa: PLC0415 (the heavy import; the worker reads this module's name only)

    workbench = Workbench()
    workbench.warm()
    # The survivors of start-up are never collected: a collection in a child would copy every page that it touched.
    gc.collect()
    gc.freeze()
    gc.disable()
    # Opened now: afterwards not even the null device may be opened for writing.
    sink = silence.open_sink()
    protections = confine.confine()
    if confine.threads() != 1:
        raise SandboxSetupError("A library started a thread in the zygote, so it cannot fork safely.")
    # From here on native libraries may print about a picture, so nobody may be listening.
    silenced = silence.apply(sink)
    protections[silenced.name] = silenced.detail
    wire.send(control, {"ready": True, "protections": protections, "models": workbench.models()})
    _serve(control, worker, workbench)


def _serve(control: socket.socket, worker: int, workbench: executor.Workbench) -> None:
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    # EOF on the channel is not enough: a process that the worker forked would hold its end open.
    waiting.register(worker, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if worker in ready:
            return
        try:
            command, descriptors = wire.receive(control)
        except EOFError:
            return
        if command.get("do") == "fork":
            _fork(control, worker, workbench, descriptors, warm=command["warm"])
        elif command.get("do") == "reap":
            wire.send(control, {"status": _reap(command)})
        else:
            raise SandboxSetupError("The worker sent a command that the zygote does not know.")


def _fork(
    control: socket.socket, worker: int, workbench: executor.Workbench, descriptors: list[int], *, warm: bool
) -> None:
    channel, arena = descriptors
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            control.close()
            os.close(worker)
            status = executor.run(socket.socket(fileno=channel), arena, workbench, parent, warm=warm)
        finally:
            # Never unwind into the zygote's loop, and run none of its exit handlers.
            os._exit(status)
    wire.close_all(descriptors)
    handle = os.pidfd_open(pid)
    try:
        wire.send(control, {"pid": pid}, [handle])
    finally:
        os.close(handle)


def _reap(command: dict[str, Any]) -> str:
    """Wait for a child that is dead or about to be, and say how it ended."""
    _, status = os.waitpid(command["pid"], 0)
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit {os.waitstatus_to_exitcode(status)}"


def _gone(worker: int) -> bool:
    waiting = select.poll()
    waiting.register(worker, select.POLLIN)
    return bool(waiting.poll(0))


if __name__ == "__main__":
    channel = socket.socket(fileno=int(sys.argv[1]))
    try:
        main(channel)
    except FacegateError as error:
        wire.send(channel, {"ready": False, "reason": error.reason})
        sys.exit(1)
