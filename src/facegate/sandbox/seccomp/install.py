"""Installing a filter with seccomp(2), and the listener that tells of violations."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facegate import kernel
from facegate.sandbox.seccomp import bpf, program
from facegate.sandbox.seccomp.numbers import NUMBERS, machine, name_of
from facegate.sandbox.seccomp.rules import rules_for

SET_MODE_FILTER: Final = 1
GET_ACTION_AVAIL: Final = 2
NEW_LISTENER: Final = 1 << 3
MODE_FILTER: Final = 2

# struct seccomp_notif: id, pid, flags, then struct seccomp_data.
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_NOTIF_RECV: Final = 0xC050_2100  # SECCOMP_IOCTL_NOTIF_RECV
# struct seccomp_notif_resp: id, value, negative errno, flags. The one flag there is carries the call out; never set.
_RESPONSE: Final = struct.Struct("=QqiI")
_NOTIF_SEND: Final = 0xC018_2101  # SECCOMP_IOCTL_NOTIF_SEND


class Filters:
    """The programs of one zygote and its children, made once: a child only fills its process ID in."""

    def __init__(self) -> None:
        child = rules_for("child")
        self._zygote = program.pack(program.build(rules_for("zygote"), machine(), program.TRACE))
        self._telling = program.pack(program.build(child, machine(), program.USER_NOTIFY))
        self._killing = program.pack(program.build(child, machine(), program.KILL_PROCESS))
        self._later = program.pack(program.build_later(machine()))

    def install_zygote(self, own: int) -> None:
        """Bind this thread to the zygote's rules; others are answered with ENOSYS."""
        _install(program.fill(self._zygote, own), 0)

    def install_child(self, own: int) -> int | None:
        """Bind this thread to the child's rules.

        Returns:
            The listener, the caller's to hand to the worker and close; None where the kernel has none (before Linux
            5.0) or another program above this one has it already: a violation is then SIGSYS, without the call's name.
        """
        try:
            return _install(program.fill(self._telling, own), NEW_LISTENER)
        except OSError as error:
            if error.errno not in {errno.EBUSY, errno.EINVAL}:
                raise
        self.install_killing(own)
        return None

    def install_killing(self, own: int) -> None:
        """Bind this thread to the child's rules, a violation being the process's end by SIGSYS."""
        _install(program.fill(self._killing, own), 0)

    def install_later(self) -> None:
        """Take away what only handing over the listener needed."""
        _install(self._later, 0)


def supported() -> str | None:
    """Why there can be no filter on this host; None if there can."""
    if machine() not in NUMBERS:
        return f"facegate has no rules for {machine()}"
    action = ctypes.create_string_buffer(struct.pack("=I", program.KILL_PROCESS), 4)
    try:
        kernel.syscall(NUMBERS[machine()]["seccomp"], GET_ACTION_AVAIL, 0, action)
    except OSError as error:
        return f"the kernel has no seccomp filter ({errno.errorcode.get(error.errno or 0, 'unknown')})"
    return None


@dataclass(frozen=True, slots=True)
class Notification:
    """A forbidden call whose thread waits in it.

    Attributes:
        id: the kernel's, for the answer.
        name: of the call.
    """

    id: int
    name: str


def receive(listener: int) -> Notification:
    """The call that waits at the listener.

    Raises:
        OSError: the process is gone meanwhile.
    """
    # The ioctl wants the buffer zeroed.
    buffer = bytearray(_NOTIFICATION.size)
    fcntl.ioctl(listener, _NOTIF_RECV, buffer, True)
    identifier, _, _, number, architecture, _, *_ = _NOTIFICATION.unpack(buffer)
    return Notification(identifier, name_of(architecture, number))


def decline(listener: int, call: Notification, number: int) -> None:
    """Have a call that waits fail with this errno; it is not carried out.

    Raises:
        OSError: the process is gone meanwhile.
        ValueError: the number is none of an error, so the call would seem to have succeeded.
    """
    if number < 1:
        raise ValueError("A declined call needs an errno.")
    fcntl.ioctl(listener, _NOTIF_SEND, _RESPONSE.pack(call.id, 0, -number, 0))


def _install(packed: bytes, flags: int) -> int:
    instructions = ctypes.create_string_buffer(packed, len(packed))
    count = len(packed) // len(bpf.Instruction(0).pack())
    # struct sock_fprog: the length, padding, the pointer.
    header = ctypes.create_string_buffer(struct.pack("=H6xQ", count, ctypes.addressof(instructions)), 16)
    return kernel.syscall(NUMBERS[machine()]["seccomp"], SET_MODE_FILTER, flags, header)


def in_force() -> int:
    """How many filters bind this thread, as the kernel counts them; 0 without any.

    Kernels before Linux 5.10 do not count: 1 stands for any number there.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith("Seccomp"))
    if int(lines.get("Seccomp", "0")) != MODE_FILTER:
        return 0
    return int(lines.get("Seccomp_filters", "1"))
