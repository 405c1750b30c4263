"""What the zygote gives up, once loaded, for itself and all that it forks; each read back from the kernel."""

from __future__ import annotations

import errno
import os
import resource
import secrets
import tempfile
from pathlib import Path
from typing import Final

from facegate import kernel
from facegate.errors import SandboxSetupError
from facegate.sandbox import landlock

# A core limit of 0 is ignored for a piped core handler; 1 byte is too small for any core and is honoured there too.
CORE_LIMIT: Final = 1
OPEN_FILES: Final = 64


def confine() -> dict[str, str]:
    """Give up writing files, dumping core and gaining privileges, and check each with the kernel.

    Returns:
        Name of the protection to what was read back.

    Raises:
        SandboxSetupError: one of them did not take.
    """
    # Asked now, because finding a temporary directory writes to it.
    probe = Path(tempfile.gettempdir()) / f"facegate-probe-{secrets.token_hex(8)}"
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (CORE_LIMIT, CORE_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    version = landlock.restrict()
    return read_back() | {"landlock": f"ABI {version}; {_probe_write(probe)}"}


def read_back() -> dict[str, str]:
    """The protections as the kernel reports them for this process.

    Raises:
        SandboxSetupError: one is not in force.
    """
    if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) != 1:
        raise SandboxSetupError("The kernel did not keep no-new-privileges.")
    if kernel.prctl(kernel.PR_GET_DUMPABLE) != 0:
        raise SandboxSetupError("The kernel did not make the process undumpable.")
    if resource.getrlimit(resource.RLIMIT_CORE) != (CORE_LIMIT, CORE_LIMIT):
        raise SandboxSetupError("The kernel did not keep the core limit.")
    if resource.getrlimit(resource.RLIMIT_FSIZE) != (0, 0):
        raise SandboxSetupError("The kernel did not keep the file-size limit.")
    return {
        "no_new_privs": "1",
        "dumpable": "0",
        "core_limit": f"{CORE_LIMIT} byte",
        "file_size_limit": "0 bytes",
    }


def _probe_write(path: Path) -> str:
    # Landlock cannot be asked what is in force, so it is tried: making a file must fail for lack of the right.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if error.errno == errno.EACCES:
            return "creating a file was refused"
        raise SandboxSetupError("The probe for Landlock failed for a reason of its own.") from None
    os.close(descriptor)
    path.unlink(missing_ok=True)
    raise SandboxSetupError("Landlock is applied, but a file could still be created.")


def threads() -> int:
    """Threads of this process, as the kernel counts them."""
    return len(os.listdir("/proc/self/task"))
