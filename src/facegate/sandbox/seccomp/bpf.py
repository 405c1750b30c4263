"""The classic BPF that seccomp runs: its instructions, packed as the kernel takes them, and a simulator for tests.

Sources: ``bpf_common.h`` for the codes, ``struct seccomp_data`` of ``seccomp.h`` for what is filtered, both in
``include/uapi/linux``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS: a 32-bit word of seccomp_data
AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP: Final = 0x05  # BPF_JMP | BPF_JA: the only jump that reaches further than 255
JEQ: Final = 0x15
JGE: Final = 0x35
RETURN: Final = 0x06

MAX_INSTRUCTIONS: Final = 4096  # BPF_MAXINSNS
SHORT: Final = 255

# Offsets in struct seccomp_data. Both architectures are little-endian: the lower half of an argument comes first.
NUMBER: Final = 0
ARCHITECTURE: Final = 4


def argument(index: int, *, upper: bool = False) -> int:
    """Offset of one half of an argument."""
    return 16 + 8 * index + 4 * upper


@dataclass(frozen=True, slots=True)
class Instruction:
    """One ``struct sock_filter``.

    Attributes:
        code: what to do.
        k: its operand.
        yes: instructions to skip if a comparison holds.
        no: instructions to skip if it does not.
    """

    code: int
    k: int = 0
    yes: int = 0
    no: int = 0

    def pack(self) -> bytes:
        """As the kernel takes it."""
        return struct.pack("=HBBI", self.code, self.yes, self.no, self.k)


def unpack(program: bytes) -> list[Instruction]:
    """The instructions of a packed program, for instance of one that the kernel gave back."""
    return [Instruction(code, k, yes, no) for code, yes, no, k in struct.iter_unpack("=HBBI", program)]


@dataclass(frozen=True, slots=True)
class Call:
    """A system call as a filter sees it.

    Attributes:
        number: of the call.
        architecture: an ``AUDIT_ARCH_*`` value.
        arguments: up to six, each 64 bits.
    """

    number: int
    architecture: int
    arguments: Sequence[int] = field(default=())

    def data(self) -> bytes:
        """``struct seccomp_data``; the instruction pointer, which no rule reads, is 0."""
        values = [value & 0xFFFF_FFFF_FFFF_FFFF for value in self.arguments]
        return struct.pack("=IIQ6Q", self.number, self.architecture, 0, *values, *(0,) * (6 - len(values)))


def simulate(program: Sequence[Instruction], call: Call) -> int:
    """What the program returns for a call: an action and its data.

    Raises:
        ValueError: the program has an instruction that seccomp does not take, or runs past its end.
    """
    data = call.data()
    accumulator = position = 0
    while position < len(program):
        step = program[position]
        position += 1
        match step.code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, step.k)
            case 0x54:
                accumulator &= step.k
            case 0x05:
                position += step.k
            case 0x15:
                position += step.yes if accumulator == step.k else step.no
            case 0x35:
                position += step.yes if accumulator >= step.k else step.no
            case 0x06:
                return step.k
            case code:
                raise ValueError(f"The program has the unknown instruction {code:#x}.")
    raise ValueError("The program runs past its end.")
