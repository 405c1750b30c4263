"""Resource limits of zygote and child, each read back after it was set."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    # The hard limit is for a video: the worker raises the soft one when it hands a child one, and the child cannot.
    used = address_space()
    space, most = _lower(resource.RLIMIT_AS, used + budget.memory, used + budget.video_memory)
    core, size, files = [_lower(which, value, value)[0] for _, which, value in _FIXED]
    check_zygote()
    if resource.getrlimit(resource.RLIMIT_AS) != (space, most):
        raise SandboxSetupError("The kernel did not keep the limit address_space_limit.")
    return [
        core_limit(core, _CORE_PATTERN),
        Protection("file_size_limit", "achieved", f"RLIMIT_FSIZE {size} bytes"),
        Protection("open_files_limit", "achieved", f"RLIMIT_NOFILE {files}"),
        Protection(
            "address_space_limit", "achieved", f"RLIMIT_AS {space >> 20} MiB; of a child with a video {most >> 20} MiB"
        ),
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


def _lower(which: int, soft: int, hard: int) -> tuple[int, int]:
    """Set a limit for good; where the hard limit is less already, that stays, since only root may raise it."""
    _, already = resource.getrlimit(which)
    values = (soft, hard) if already == resource.RLIM_INFINITY else (min(soft, already), min(hard, already))
    resource.setrlimit(which, values)
    return values


def limit_child(budget: Budget) -> None:
    """Limit the processor time of this process; not the zygote's, which may run for months.

    At the soft limit comes SIGXCPU, which names the cause. Whoever handles that signal gets SIGKILL at the hard one, a
    second above what a child with a video may take.

    Raises:
        SandboxSetupError: the kernel did not keep it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = budget.video_cpu + 1 if hard == resource.RLIM_INFINITY else min(budget.video_cpu + 1, hard)
    wanted = (min(budget.cpu, most), most)
    resource.setrlimit(resource.RLIMIT_CPU, wanted)
    if resource.getrlimit(resource.RLIMIT_CPU) != wanted:
        raise SandboxSetupError("The kernel did not keep the limit cpu_limit.")


def make_room_for_video(pid: int) -> None:
    """Raise the soft limits of a child on memory and processor time to the hard ones; called by the worker.

    A child may not do so itself. Where the worker may not either, a container's filter for one, a large video is
    refused for want of memory, as a picture over its limits is.
    """
    for which, below in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_CPU, 1)):
        with suppress(PermissionError, ProcessLookupError):
            _, hard = resource.prlimit(pid, which)
            resource.prlimit(pid, which, (hard - below, hard))


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Limit this process's address space to what it has mapped and so many bytes more, for a while.

    A network from outside may ask for any amount; what it does not get, its library reports.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = address_space() + more
    if resource.RLIM_INFINITY not in {soft, hard}:
        most = min(most, soft)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def address_space() -> int:
    """Bytes that this process has mapped."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()
