"""Giving up every capability.

A zygote started by root has all of them, and with them its children could look into each other: CAP_SYS_PTRACE opens
``/proc/PID/mem`` of an undumpable process.
"""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path
from typing import Final

from facegate import kernel
from facegate.errors import SandboxSetupError
from facegate.sandbox.seccomp.numbers import NUMBERS, machine

_VERSION_3: Final = 0x2008_0522
_SETS: Final = ("CapInh", "CapPrm", "CapEff", "CapAmb")


def drop() -> None:
    """Empty the permitted, effective and inheritable sets, and check it.

    Raises:
        SandboxSetupError: a capability is left.
    """
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0), 8)
    kernel.syscall(NUMBERS[machine()]["capset"], header, ctypes.create_string_buffer(24))
    if held():
        raise SandboxSetupError("The kernel did not take the capabilities away.")


def held() -> bool:
    """Whether this thread has any capability, as the kernel reports it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith("Cap"))
    return any(int(lines[name], 16) for name in _SETS if name in lines)
