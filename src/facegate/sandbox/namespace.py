"""An empty network namespace, where the user may make one."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from facegate import kernel
from facegate.protections import Protection

CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000


def leave_network() -> Protection:
    """Move this thread, the process's only one, into a network namespace of its own.

    Without the right to do so, a user namespace is tried, in which everybody has it. What is granted there ends when
    the capabilities are dropped.
    """
    before = _interfaces()
    try:
        try:
            kernel.unshare(CLONE_NEWNET)
        except PermissionError:
            kernel.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        why = f"this user may make no network namespace ({name}): needs CAP_SYS_ADMIN or unprivileged user namespaces"
        return Protection("network_namespace", "unavailable", why)
    after = _interfaces()
    if after - {"lo"}:
        return Protection("network_namespace", "unavailable", "the new network namespace was not empty")
    return Protection(
        "network_namespace", "achieved", f"{len(before)} interfaces before, afterwards a loopback that is down"
    )


def _interfaces() -> set[str]:
    # /proc/self/net is the thread's own; /sys/class/net that of whoever mounted it.
    lines = Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines()
    return {line.partition(":")[0].strip() for line in lines if ":" in line}
