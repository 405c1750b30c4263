"""What the zygote gives up, once loaded, for itself and all that it forks; each read back from the kernel.

What a host does not offer is reported as unavailable; whether that is enough, the policy decides. What it offers and
then does not keep is an error.
"""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path

from facegate import kernel
from facegate.errors import SandboxSetupError
from facegate.protections import Protection
from facegate.sandbox import capabilities, heap, landlock, limits, namespace
from facegate.sandbox.budget import Budget


def confine(budget: Budget) -> list[Protection]:
    """Give up the network, writing files, dumping core and all privileges. The filter of system calls comes later.

    Raises:
        SandboxSetupError: one of them did not take.
    """
    probe = _probe()  # asked now, because finding a folder that can be written to writes to it
    found = [heap.protection(), namespace.leave_network()]
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    found += limits.limit_zygote(budget)
    capabilities.drop()
    # After what changes credentials: the kernel then resets it.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    read_back()
    found += landlock.protections(landlock.restrict(), probe)
    return [
        *found,
        Protection("no_new_privs", "achieved", "PR_GET_NO_NEW_PRIVS 1, no capability held"),
        Protection("not_dumpable", "achieved", "PR_GET_DUMPABLE 0"),
    ]


def _probe() -> Path | None:
    """A path where a file could be made, or None: a container's file system may be read-only all through."""
    # Asked, not tried: tempfile.gettempdir makes a file to find out.
    for folder in ("/tmp", "/var/tmp", "/usr/tmp", "/dev/shm", "/"):  # noqa: S108 (nothing is made there)
        if os.access(folder, os.W_OK | os.X_OK):
            return Path(folder) / f"facegate-probe-{secrets.token_hex(8)}"
    return None


def bind_to_parent(parent: int) -> bool:
    """Have the kernel end this process when the one that forked it ends.

    Returns:
        Whether that is still `parent`; if not, it died before the signal was armed.

    Raises:
        SandboxSetupError: the kernel did not keep the signal.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if kernel.parent_death_signal() != signal.SIGKILL:
        raise SandboxSetupError("The kernel did not keep the parent-death signal.")
    return os.getppid() == parent


def read_back() -> None:
    """Ask the kernel what this process inherited.

    Raises:
        SandboxSetupError: a protection is not in force.
    """
    if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) != 1:
        raise SandboxSetupError("The kernel did not keep no-new-privileges.")
    if kernel.prctl(kernel.PR_GET_DUMPABLE) != 0:
        raise SandboxSetupError("The kernel did not make the process undumpable.")
    limits.check_zygote()


def threads() -> int:
    """Threads of this process, as the kernel counts them."""
    return len(os.listdir("/proc/self/task"))
