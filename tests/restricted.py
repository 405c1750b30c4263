"""Run a command on a poorer host: ``python restricted.py [--memlock BYTES] [--refuse CALL:ERRNO]... -- COMMAND``.

``--core BYTES`` is the core limit; ``--refuse-family NUMBER`` refuses sockets of one family, as systemd does with
RestrictAddressFamilies=.

The limit binds root too, because CAP_IPC_LOCK is given up for good; refused calls are answered by a filter like a
container's. Everything that the command starts inherits both.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import resource
import struct

from facegate import kernel
from facegate.sandbox.seccomp.install import SET_MODE_FILTER
from facegate.sandbox.seccomp.numbers import NUMBERS, machine

CAP_IPC_LOCK = 14
PR_CAPBSET_DROP = 24
VERSION_3 = 0x2008_0522
# Classic BPF: load a word at an offset, jump if equal, return. struct seccomp_data begins with the call's number.
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
FIRST_ARGUMENT = 16  # its lower half; the fields before it: number, architecture, instruction pointer
ALLOW, ERRNO = 0x7FFF_0000, 0x0005_0000


def give_up_locking() -> None:
    """Drop CAP_IPC_LOCK from the sets of this process and from those of whatever it executes."""
    if os.geteuid() == 0:
        kernel.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK)
    header = ctypes.create_string_buffer(struct.pack("=Ii", VERSION_3, 0), 8)
    sets = ctypes.create_string_buffer(24)
    kernel.syscall(NUMBERS[machine()]["capget"], header, sets)
    words = [word & ~(1 << CAP_IPC_LOCK) if at < 3 else word for at, word in enumerate(struct.unpack("=6I", sets.raw))]
    kernel.syscall(NUMBERS[machine()]["capset"], header, ctypes.create_string_buffer(struct.pack("=6I", *words), 24))


def refuse(calls: dict[int, int], families: list[int]) -> None:
    """Answer these calls, by number, with an error, by number; for good and for what this process executes.

    Sockets of the families are answered with EAFNOSUPPORT.
    """
    program = [struct.pack("=HBBI", LOAD, 0, 0, 0)]
    for number, answer in calls.items():
        program += [
            struct.pack("=HBBI", JUMP_IF_EQUAL, 0, 1, number),
            struct.pack("=HBBI", RETURN, 0, 0, ERRNO | answer),
        ]
    for family in families:
        program += [
            struct.pack("=HBBI", JUMP_IF_EQUAL, 0, 4, NUMBERS[machine()]["socket"]),
            struct.pack("=HBBI", LOAD, 0, 0, FIRST_ARGUMENT),
            struct.pack("=HBBI", JUMP_IF_EQUAL, 0, 1, family),
            struct.pack("=HBBI", RETURN, 0, 0, ERRNO | errno.EAFNOSUPPORT),
            struct.pack("=HBBI", LOAD, 0, 0, 0),
        ]
    program.append(struct.pack("=HBBI", RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(program))
    header = ctypes.create_string_buffer(struct.pack("=H6xQ", len(program), ctypes.addressof(code)), 16)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.syscall(NUMBERS[machine()]["seccomp"], SET_MODE_FILTER, 0, header)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--memlock", type=int)
    parser.add_argument("--core", type=int)
    parser.add_argument("--refuse", action="append", default=[])
    parser.add_argument("--refuse-family", action="append", type=int, default=[])
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    if chosen.memlock is not None:
        give_up_locking()
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (chosen.memlock, chosen.memlock))
    if chosen.core is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (chosen.core, chosen.core))
    if chosen.refuse or chosen.refuse_family:
        pairs = [each.split(":") for each in chosen.refuse]
        refuse({NUMBERS[machine()][name]: getattr(errno, answer) for name, answer in pairs}, chosen.refuse_family)
    os.execv(chosen.command[0], chosen.command)  # noqa: S606 (a program that replaces this one is the point)


if __name__ == "__main__":
    main()
