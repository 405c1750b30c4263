"""Children that are thrown away try what is forbidden, so that it is reported as seen, not as assumed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from typing import Final

from facegate import kernel
from facegate.errors import SandboxSetupError
from facegate.memory.inside import lock_process
from facegate.protections import Protection
from facegate.sandbox import limits, wire
from facegate.sandbox.budget import Budget
from facegate.sandbox.seccomp.install import Filters, supported
from facegate.sandbox.seccomp.numbers import NUMBERS, machine
from facegate.sandbox.seccomp.rules import rules_for

# AF_UNIX, SOCK_STREAM: the most harmless socket there is. And a plain fork.
_ATTEMPTS: Final = {"socket": (1, 1, 0), "clone": (signal.SIGCHLD, 0, 0, 0, 0)}


def rehearse(filters: Filters | None, budget: Budget) -> list[Protection]:
    """`cpu_limit`, `child_memory_locked`, `seccomp` and `process_limit` as children will have them.

    Raises:
        SandboxSetupError: a forbidden call did not end a child, or a limit was not kept.
    """
    if _end_of(partial(limits.limit_child, budget)) != 0:
        raise SandboxSetupError("The kernel did not keep the limit cpu_limit.")
    cpu = Protection("cpu_limit", "achieved", f"RLIMIT_CPU {budget.cpu} seconds in each child")
    memory = _told_by(lock_process)
    if filters is None:
        why = supported() or "no filter was made"
        # RLIMIT_NPROC is no substitute: it counts all threads of the user, and does not bind root.
        process = Protection("process_limit", "unavailable", "needs seccomp: RLIMIT_NPROC does not bind root")
        return [cpu, memory, Protection("seccomp", "unavailable", why), process]
    for name, arguments in _ATTEMPTS.items():
        if _end_of(partial(_attempt, filters, name, arguments)) != -signal.SIGSYS:
            raise SandboxSetupError(f"There is a filter of system calls, but {name} did not end a child.")
    return [
        cpu,
        memory,
        Protection("seccomp", "achieved", f"{len(rules_for('child'))} calls have a rule; socket ended a child"),
        Protection("process_limit", "achieved", "seccomp: clone without CLONE_THREAD ended a child"),
    ]


def _attempt(filters: Filters, name: str, arguments: tuple[int, ...]) -> None:
    filters.install_killing(os.getpid())
    kernel.syscall(NUMBERS[machine()][name], *arguments)


def _told_by(find: Callable[[], Protection]) -> Protection:
    """What a fork finds."""
    ours, theirs = wire.pair()
    with ours, theirs:
        if _end_of(lambda: wire.send(theirs, {"found": astuple(find())})) != 0:
            raise SandboxSetupError("A child could not tell whether its memory is locked.")
        answer, _ = wire.receive(ours)
    return Protection(*answer["found"])


def _end_of(act: Callable[[], None]) -> int:
    """How a fork that does `act` ends: its exit code, or the negative number of the signal."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
