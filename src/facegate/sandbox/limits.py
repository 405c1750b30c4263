"""Resource limits of zygote and child, each read back after it was set."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

from facegate.errors import SandboxSetupError
from facegate.protections import Protection
from facegate.sandbox.budget import Budget

# A core limit of 0 is ignored for a piped core handler; 1 byte is too small for any core and is honoured there too.
CORE_LIMIT: Final = 1
OPEN_FILES: Final = 64
_FIXED: Final = (
    ("core_limit", resource.RLIMIT_CORE, CORE_LIMIT, "RLIMIT_CORE 1 byte"),
    ("file_size_limit", resource.RLIMIT_FSIZE, 0, "RLIMIT_FSIZE 0 bytes"),
    ("open_files_limit", resource.RLIMIT_NOFILE, OPEN_FILES, f"RLIMIT_NOFILE {OPEN_FILES}"),
)


def limit_zygote(budget: Budget) -> list[Protection]:
    """Limit this process and all that it forks: dumps, files, descriptors, memory.

    Raises:
        SandboxSetupError: the kernel did not keep one.
    """
    # RLIMIT_AS counts what is mapped, so what the zygote has mapped by now, libraries above all, comes on top.
    space = address_space() + budget.memory
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        space = min(space, most)
    wanted = (*_FIXED, ("address_space_limit", resource.RLIMIT_AS, space, f"RLIMIT_AS {space >> 20} MiB"))
    for _, which, value, _ in wanted:
        resource.setrlimit(which, (value, value))
    check_zygote()
    if resource.getrlimit(resource.RLIMIT_AS) != (space, space):
        raise SandboxSetupError("The kernel did not keep the limit address_space_limit.")
    return [Protection(name, "achieved", detail) for name, _, _, detail in wanted]


def check_zygote() -> None:
    """Ask the kernel for the limits that have the same value everywhere.

    Raises:
        SandboxSetupError: one is not in force.
    """
    for name, which, value, _ in _FIXED:
        if resource.getrlimit(which) != (value, value):
            raise SandboxSetupError(f"The kernel did not keep the limit {name}.")
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        raise SandboxSetupError("The kernel did not keep the limit address_space_limit.")


def limit_child(budget: Budget) -> None:
    """Limit the processor time of this process; not the zygote's, which may run for months.

    At the soft limit comes SIGXCPU, which names the cause. Whoever handles that signal gets SIGKILL a second later.

    Raises:
        SandboxSetupError: the kernel did not keep it.
    """
    wanted = (budget.cpu, budget.cpu + 1)
    resource.setrlimit(resource.RLIMIT_CPU, wanted)
    if resource.getrlimit(resource.RLIMIT_CPU) != wanted:
        raise SandboxSetupError("The kernel did not keep the limit cpu_limit.")


def address_space() -> int:
    """Bytes that this process has mapped."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()
