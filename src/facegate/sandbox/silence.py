"""Where a child's standard output and error go: the null device.

Native libraries describe damage there, libtiff for one, in words out of the upload. The null device is a sink bounded
at nothing, which the kernel drops at once. Rejected: a pipe, because somebody would have to read those words, in a
process that must not know them, and a full one blocks the child; a memfd, because it keeps what it takes until it is
wiped, and the file-size limit turns a write to it into a signal.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import Final

from facegate.errors import SandboxSetupError
from facegate.protections import Protection

NULL: Final = os.makedev(1, 3)  # the same numbers on every Linux
_OUTPUTS: Final = (1, 2)


def open_sink() -> int:
    """A descriptor of the null device for writing; to be opened before Landlock forbids even that."""
    return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def apply(sink: int) -> Protection:
    """Point standard output and error at the sink, whose descriptor is closed, and read back where they lead.

    Raises:
        SandboxSetupError: one of them does not lead to the null device.
    """
    for output in _OUTPUTS:
        os.dup2(sink, output)
    os.close(sink)
    return read_back()


def read_back() -> Protection:
    """Where standard output and error of this process lead.

    Raises:
        SandboxSetupError: one of them does not lead to the null device.
    """
    for output in _OUTPUTS:
        status = os.fstat(output)
        writable = fcntl.fcntl(output, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
        if not (stat.S_ISCHR(status.st_mode) and status.st_rdev == NULL and writable):
            raise SandboxSetupError("What native libraries print would reach somebody.")
    return Protection("silence", "achieved", "standard output and error are the null device")
