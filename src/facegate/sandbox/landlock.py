"""Landlock: take every right to write, connect or signal away from this process and what it forks.

An empty rule set grants nothing: each access right that it *handles* is denied everywhere. Reading stays unhandled
here. Rights are named up to the ABI that the kernel has (https://docs.kernel.org/userspace-api/landlock.html).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from pathlib import Path
from typing import Final

from facegate import kernel
from facegate.errors import SandboxSetupError
from facegate.protections import Protection

_CREATE_RULESET_VERSION: Final = 1

# LANDLOCK_ACCESS_FS_*: all that change a file system or run a program, by the ABI that brought them.
_EXECUTE, _WRITE_FILE = 1 << 0, 1 << 1
_REMOVE_DIR_TO_MAKE_SYM = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FS_BY_ABI: Final = {
    1: _EXECUTE | _WRITE_FILE | _REMOVE_DIR_TO_MAKE_SYM,
    2: _REFER,
    3: _TRUNCATE,
    5: _IOCTL_DEV,
}
_NET_BY_ABI: Final = {4: 0b11}  # bind and connect TCP
_SCOPES_BY_ABI: Final = {6: 0b11}  # abstract Unix sockets and signals outside of the domain


def abi() -> int:
    """The kernel's Landlock ABI, 0 where there is none."""
    try:
        return kernel.syscall(kernel.SYS_LANDLOCK_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict() -> int:
    """Deny all writes to files, TCP, outside signals and abstract sockets, as far as the ABI goes, for good.

    Binds the calling thread and all that it starts, so the process must be single-threaded; it must have
    no-new-privileges set.

    Returns:
        The ABI applied, 0 where the kernel has no Landlock.

    Raises:
        OSError: the kernel has it and refused.
    """
    version = abi()
    if version < 1:
        return 0
    handled = [
        sum(mask for since, mask in table.items() if since <= version)
        for table in (_FS_BY_ABI, _NET_BY_ABI, _SCOPES_BY_ABI)
    ]
    # struct landlock_ruleset_attr grew with the ABIs; older kernels accept a longer one whose tail is zero.
    attributes = ctypes.create_string_buffer(struct.pack("=3Q", *handled), 24)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = kernel.syscall(kernel.SYS_LANDLOCK_CREATE_RULESET, attributes, size, 0)
    try:
        kernel.syscall(kernel.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def protections(version: int, probe: Path | None) -> list[Protection]:
    """What is in force after `restrict`. Landlock cannot be asked, so each part is tried; nothing is left behind.

    Args:
        version: what `restrict` returned.
        probe: a path that did not exist and could have been made before; None where nothing could be made anywhere. The
            null device is tried then, which could be opened for writing before, also on a read-only file system.

    Raises:
        SandboxSetupError: a part that should be in force is not.
    """
    if version < 1:
        why = (
            "the kernel has no Landlock (Linux 5.13, and 'landlock' among the security modules it was booted with), or "
            "a container's filter of system calls refuses it"
        )
        return [Protection(f"landlock_{part}", "unavailable", why) for part in ("files", "network", "scopes")]
    seen = _try_device() if probe is None else _try_file(probe)
    found = [Protection("landlock_files", "achieved", f"ABI {version}; {seen}")]
    for part, since, attempt in (("network", 4, _try_bind), ("scopes", 6, _try_signal)):
        if version < since:
            found.append(
                Protection(f"landlock_{part}", "unavailable", f"Landlock ABI {since} is needed, not {version}")
            )
        else:
            found.append(Protection(f"landlock_{part}", "achieved", f"ABI {version}; {attempt()}"))
    return found


def _try_file(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if error.errno == errno.EACCES:
            return "creating a file was refused"
        raise SandboxSetupError("The probe for Landlock failed for a reason of its own.") from None
    os.close(descriptor)
    path.unlink(missing_ok=True)
    raise SandboxSetupError("Landlock is applied, but a file could still be created.")


def _try_device() -> str:
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EACCES:
            return "opening the null device for writing was refused (no folder here can be written to)"
        raise SandboxSetupError("The probe for Landlock failed for a reason of its own.") from None
    os.close(descriptor)
    raise SandboxSetupError("Landlock is applied, but the null device could still be opened for writing.")


def _try_bind() -> str:
    try:
        attempt = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno in {errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES}:
            return "no TCP socket can be made at all (whoever started the worker took them away)"
        raise SandboxSetupError("The probe for Landlock failed for a reason of its own.") from None
    with attempt:
        try:
            attempt.bind(("127.0.0.1", 0))
        except PermissionError:
            return "binding a TCP port was refused"
    raise SandboxSetupError("Landlock is applied, but a TCP port could still be bound.")


def _try_signal() -> str:
    # Signal 0 is only asked about. The parent, which is the worker, is outside.
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return "signalling the parent was refused"
    raise SandboxSetupError("Landlock is applied, but the parent could still be signalled.")
