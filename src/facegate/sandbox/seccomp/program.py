"""From the table to the program: a search tree over the numbers, at its leaves the conditions of one call."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from facegate.sandbox.seccomp import bpf
from facegate.sandbox.seccomp.bpf import JEQ, JGE, JUMP, LOAD, RETURN, Instruction
from facegate.sandbox.seccomp.conditions import OWN_PROCESS, WORD, Condition, Rule
from facegate.sandbox.seccomp.numbers import AUDIT_ARCH, NUMBERS, X32_BIT
from facegate.sandbox.seccomp.rules import LATER, LATER_SILENT

# SECCOMP_RET_*, the strictest first; of several filters the strictest answer counts.
KILL_PROCESS: Final = 0x8000_0000
ERRNO: Final = 0x0005_0000
USER_NOTIFY: Final = 0x7FC0_0000
# Without a tracer the call is answered with ENOSYS and not carried out. Weaker than USER_NOTIFY, so that what a child
# may do neither as zygote nor as child still reaches the child's listener.
TRACE: Final = 0x7FF0_0000
ALLOW: Final = 0x7FFF_0000

Code = list[Instruction]


def build(rules: Mapping[str, Rule], machine: str, violation: int) -> Code:
    """The program for the rules on one architecture.

    Args:
        rules: by name; names that the architecture does not have are passed over.
        machine: a key of `NUMBERS`.
        violation: what to return for every call that no rule permits.
    """
    numbers = NUMBERS[machine]
    leaves = {numbers[name]: _leaf(rule, violation) for name, rule in rules.items() if name in numbers}
    return _program(leaves, machine, violation, otherwise=violation)


def build_later(machine: str) -> Code:
    """The program that is added once the worker has the listener: it takes `LATER` away and allows all else."""
    numbers = NUMBERS[machine]
    leaves = {numbers[LATER]: [Instruction(RETURN, KILL_PROCESS)]}
    leaves |= {numbers[name]: [Instruction(RETURN, ERRNO | number)] for name, number in LATER_SILENT.items()}
    # Foreign calls are for the first filter: this one would end the process before anybody learnt the name.
    return _program(leaves, machine, ALLOW, otherwise=ALLOW)


def pack(program: Sequence[Instruction]) -> bytes:
    """The program as the kernel takes it, but for the process ID, which `fill` puts in."""
    return b"".join(each.pack() for each in program)


def fill(packed: bytes, own: int) -> bytes:
    """A packed program for the process `own`."""
    return packed.replace(struct.pack("=I", OWN_PROCESS), struct.pack("=I", own))


def _program(leaves: dict[int, Code], machine: str, foreign: int, *, otherwise: int) -> Code:
    code = [
        Instruction(LOAD, bpf.ARCHITECTURE),
        Instruction(JEQ, AUDIT_ARCH[machine], yes=1),
        Instruction(RETURN, foreign),
        Instruction(LOAD, bpf.NUMBER),
    ]
    # The x32 calls of x86_64 lie above every number; no other architecture has numbers there.
    code += [Instruction(JGE, X32_BIT, no=1), Instruction(RETURN, foreign)]
    code += _tree(_ranges(leaves, otherwise))
    if len(code) > bpf.MAX_INSTRUCTIONS:
        raise ValueError("The program is longer than the kernel takes.")
    return code


def _ranges(leaves: dict[int, Code], otherwise: int) -> list[tuple[int, Code]]:
    """Where each run of numbers with the same leaf begins."""
    rest: Code = [Instruction(RETURN, otherwise)]
    runs: list[tuple[int, Code]] = [(0, leaves.get(0, rest))]
    for number in range(1, max(leaves) + 2):
        leaf = leaves.get(number, rest)
        if leaf != runs[-1][1]:
            runs.append((number, leaf))
    return runs


def _tree(runs: Sequence[tuple[int, Code]]) -> Code:
    """Code that finds the run of the number in the accumulator; every leaf returns, so nothing falls through."""
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    below, above = _tree(runs[:middle]), _tree(runs[middle:])
    if len(below) <= bpf.SHORT:
        return [Instruction(JGE, runs[middle][0], yes=len(below)), *below, *above]
    return [Instruction(JGE, runs[middle][0], no=1), Instruction(JUMP, len(below)), *below, *above]


def _leaf(rule: Rule, violation: int) -> Code:
    answer = ERRNO | rule.answer if rule.answer else ALLOW
    code: Code = []
    for clause in rule.when:
        code += _clause(clause, answer)
        if not clause:
            return code
    return [*code, Instruction(RETURN, violation)]


def _clause(clause: Sequence[Condition], answer: int) -> Code:
    """Code that returns the answer if all conditions hold, and otherwise runs on behind itself."""
    code: Code = [Instruction(RETURN, answer)]
    for condition in reversed(clause):
        code = _condition(condition, behind=len(code)) + code
    return code


def _condition(condition: Condition, *, behind: int) -> Code:
    """Code that runs on into the next if the condition holds, and skips `behind` instructions more if not."""
    count = len(condition.values)
    code: Code = [Instruction(LOAD, bpf.argument(condition.index))]
    if condition.mask != WORD:
        code.append(Instruction(bpf.AND, condition.mask))
    for position, value in enumerate(condition.values):
        left = count - position - 1
        code.append(Instruction(JEQ, value, yes=left, no=0 if left else behind))
    if condition.whole:
        upper = Instruction(LOAD, bpf.argument(condition.index, upper=True))
        code = [upper, Instruction(JEQ, 0, no=behind + len(code)), *code]
    return code
