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
    ("core_limit", resource.RLIMIT_CORE, CORE_LIMIT),
    ("file_size_limit", resource.RLIMIT_FSIZE, 0),
    ("open_files_limit", resource.RLIMIT_NOFILE, OPEN_FILES),
)
_CORE_PATTERN: Final = Path("/proc/sys/kernel/core_pattern")


def limit_zygote(budget: Budget) -> list[Protection]:
    """Limit this process and all that it forks: dumps, files, descriptors, memory.

    Raises:
        SandboxSetupError: the kernel did not keep one.
    """
    # RLIMIT_AS counts what is mapped, so what the zygote has mapped by now, libraries above all, comes on top.
    space = _lower(resource.RLIMIT_AS, address_space() + budget.memory)
    core, size, files = [_lower(which, most) for _, which, most in _FIXED]
    check_zygote()
    if resource.getrlimit(resource.RLIMIT_AS) != (space, space):
        raise SandboxSetupError("The kernel did not keep the limit address_space_limit.")
    return [
        core_limit(core, _CORE_PATTERN),
        Protection("file_size_limit", "achieved", f"RLIMIT_FSIZE {size} bytes"),
        Protection("open_files_limit", "achieved", f"RLIMIT_NOFILE {files}"),
        Protection("address_space_limit", "achieved", f"RLIMIT_AS {space >> 20} MiB"),
    ]


def core_limit(limit: int, pattern: Path) -> Protection:
    """What a core limit that is in force is worth.

    Args:
        limit: bytes; 0 where whoever started the worker made that the most, so that 1 is out of reach.
        pattern: of kernel.core_pattern.
    """
    if limit == CORE_LIMIT:
        return Protection("core_limit", "achieved", "RLIMIT_CORE 1 byte")
    try:
        piped = pattern.read_text(encoding="utf-8", errors="replace").startswith("|")
    except OSError:
        piped = True  # not known, so not claimed
    if not piped:
        return Protection("core_limit", "achieved", "RLIMIT_CORE 0 bytes, and no program takes dumps")
    why = "the worker's hard limit is 0, which a program that takes dumps ignores; it takes 1, LimitCORE=1 for example"
    return Protection("core_limit", "unavailable", why)


def check_zygote() -> None:
    """Ask the kernel for the limits that have the same value everywhere.

    Raises:
        SandboxSetupError: one is not in force.
    """
    for name, which, most in _FIXED:
        soft, hard = resource.getrlimit(which)
        if soft != hard or not 0 <= hard <= most:  # no limit is a negative number
            raise SandboxSetupError(f"The kernel did not keep the limit {name}.")
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        raise SandboxSetupError("The kernel did not keep the limit address_space_limit.")


def _lower(which: int, most: int) -> int:
    """Set a limit for good; where the hard limit is less already, that stays, since only root may raise it."""
    _, hard = resource.getrlimit(which)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (value, value))
    return value


def limit_child(budget: Budget) -> None:
    """Limit the processor time of this process; not the zygote's, which may run for months.

    At the soft limit comes SIGXCPU, which names the cause. Whoever handles that signal gets SIGKILL a second later.

    Raises:
        SandboxSetupError: the kernel did not keep it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = budget.cpu + 1 if hard == resource.RLIM_INFINITY else min(budget.cpu + 1, hard)
    wanted = (min(budget.cpu, most), most)
    resource.setrlimit(resource.RLIMIT_CPU, wanted)
    if resource.getrlimit(resource.RLIMIT_CPU) != wanted:
        raise SandboxSetupError("The kernel did not keep the limit cpu_limit.")


def address_space() -> int:
    """Bytes that this process has mapped."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()
