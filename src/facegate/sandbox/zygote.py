"""The zygote: a fresh interpreter that loads and warms the analysis, locks itself down and forks one child per request.

Run as ``python -m facegate.sandbox.zygote FD BUDGET`` by `facegate.sandbox.host`: its end of the control
channel, the budget of a child and what to load. It stays single-threaded, never sees a request's data, and ends when
the worker does.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from facegate.engine import Engine
from facegate.errors import FacegateError, PolicyError, SandboxSetupError
from facegate.protections import Protection
from facegate.sandbox import confine, executor, limits, namespace, silence, wire
from facegate.sandbox.budget import Budget
from facegate.sandbox.seccomp.install import Filters, in_force, supported
from facegate.sandbox.seccomp.rehearsal import rehearse

# Address space that a user's network may take while it is loaded: four times the largest file, and the libraries.
LOADING_BYTES: Final = 5 << 30
_OF_EVERY_CHILD: Final = (
    Protection("own_process", "achieved", "forked for one request, killed with it"),
    Protection(
        "parent_death", "achieved", "PR_SET_PDEATHSIG, read back in each child; the zygote polls the worker's pidfd"
    ),
)


class Loaded(executor.Workbench, Protocol):
    """A workbench that can say what it has loaded."""

    def models(self) -> dict[str, str]:
        """SHA-256 of each network, by name."""


def main(control: socket.socket, budget: Budget, make: Callable[[], Loaded]) -> None:
    """Load, lock down, then serve fork and reap commands until the worker is gone.

    Args:
        control: this process's end; the other is the worker's.
        budget: what each child may use.
        make: makes the workbench; nothing is loaded before.
    """
    worker = _handle_of_parent()
    if _gone(worker):
        return
    workbench = make()
    workbench.warm()
    # The survivors of start-up are never collected: a collection in a child would copy every page that it touched.
    gc.collect()
    gc.freeze()
    gc.disable()
    # Opened now: afterwards not even the null device may be opened for writing.
    sink = silence.open_sink()
    filters = Filters() if supported() is None else None
    protections = [*_OF_EVERY_CHILD, *confine.confine(budget)]
    if confine.threads() != 1:
        raise SandboxSetupError("A library started a thread in the zygote, so it cannot fork safely.")
    protections += [*rehearse(filters, budget), silence.apply(sink)]
    if filters is not None:
        filters.install_zygote(os.getpid())
        if in_force() == 0:
            raise SandboxSetupError("The kernel did not keep the filter of system calls.")
    triples = [[each.name, each.state, each.detail] for each in protections]
    wire.send(control, {"ready": True, "protections": triples, "models": workbench.models()})
    _serve(control, worker, partial(executor.run, workbench=workbench, filters=filters, budget=budget))


def _serve(control: socket.socket, worker: int, run: Callable[..., int]) -> None:
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
            _fork(control, worker, run, descriptors, warm=command["warm"])
        elif command.get("do") == "reap":
            wire.send(control, {"status": _reap(command)})
        else:
            raise SandboxSetupError("The worker sent a command that the zygote does not know.")


def _fork(control: socket.socket, worker: int, run: Callable[..., int], descriptors: list[int], *, warm: bool) -> None:
    channel, arena = descriptors
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            control.close()
            os.close(worker)
            status = run(channel, arena, parent=parent, warm=warm)
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


def _handle_of_parent() -> int:
    try:
        return os.pidfd_open(os.getppid())
    except OSError as error:
        raise SandboxSetupError(
            f"pidfd_open failed ({errno.errorcode.get(error.errno or 0, 'unknown')}); it takes Linux 5.3 and, in a "
            "container, a filter of system calls that allows it."
        ) from None


def _gone(worker: int) -> bool:
    waiting = select.poll()
    waiting.register(worker, select.POLLIN)
    return bool(waiting.poll(0))


def load(wanted: Mapping[str, Any]) -> Loaded:
    """The workbench that facegate ships, and what the policy names besides.

    Args:
        wanted: `facegate.policy.Policy.wanted`.

    Raises:
        PolicyError: what it names is not there, or is not what it says.
    """
    # The heavy imports; the worker reads this module's name only.
    recognition = None
    if "recognizer" in wanted:
        from facegate.vision.recognize import Recognition  # noqa: PLC0415

        with limits.at_most(LOADING_BYTES):
            recognition = Recognition(wanted["recognizer"])
    from facegate.vision.engines.choose import workbench  # noqa: PLC0415

    engine = Engine.of(wanted)
    if not engine.shipped:
        # Code that is not ours is loaded where it reaches no server, if this user may have such a place.
        namespace.leave_network()
    bench = workbench(engine)
    bench.recognition = recognition
    return bench


def start(arguments: Sequence[str], make: Callable[[], Loaded] | None = None) -> None:
    """Be a zygote, started by `facegate.sandbox.host` with these arguments.

    Args:
        arguments: descriptor of the control channel and the budget. What to load comes over that channel, so that paths
            are in no list of processes.
        make: makes the workbench; by default `load`.
    """
    descriptor, *budget = map(int, arguments)
    channel = socket.socket(fileno=descriptor)
    try:
        wanted, _ = wire.receive(channel)
        main(channel, Budget(*budget), make or partial(load, wanted))
    except EOFError:
        return  # the worker is gone
    except FacegateError as error:
        # What the policy names cannot be had: the worker says so, and not that its sandbox failed.
        wire.send(channel, {"ready": False, "reason": error.reason, "policy": isinstance(error, PolicyError)})
        sys.exit(1)


if __name__ == "__main__":
    start(sys.argv[1:])
