"""The filter does what the table says: for every number, every row, both architectures, and in the running kernel."""

from __future__ import annotations

import ctypes
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import facegate
from facegate import kernel
from facegate.sandbox.seccomp import bpf, numbers, program, refused
from facegate.sandbox.seccomp.bpf import Call, Instruction, simulate
from facegate.sandbox.seccomp.conditions import OWN_PROCESS, WORD, Rule
from facegate.sandbox.seccomp.install import Filters
from facegate.sandbox.seccomp.rules import LATER, LATER_SILENT, RULES, rules_for
from tests.conftest import child_of

MACHINES = ("x86_64", "aarch64")
OWN = 4321
WHO = {"child": program.USER_NOTIFY, "zygote": program.TRACE}


def built(who: str, machine: str) -> list[Instruction]:
    code = program.build(rules_for(who), machine, WHO[who])  # type: ignore[arg-type]
    return bpf.unpack(program.fill(program.pack(code), OWN))


def samples(rule: Rule) -> Iterator[tuple[int, ...]]:
    """Arguments at and around all that the row's conditions mention, each combined with each."""
    choices: list[list[int]] = [[0]] * 6
    for condition in itertools.chain.from_iterable(rule.when):
        near = {0, 1, OWN, WORD, 1 << 32, (1 << 64) - 1, condition.mask, WORD & ~condition.mask}
        for value in condition.values:
            real = OWN if value == OWN_PROCESS else value
            near |= {real, real + 1, real | 1 << 40, real ^ 4}
        near |= {1 << bit for bit in range(32) if condition.mask >> bit & 1} if condition.mask != WORD else set()
        choices[condition.index] = sorted({*choices[condition.index], *near})
    return itertools.product(*choices)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("who", WHO)
def test_every_number_gets_what_the_table_says(who: str, machine: str) -> None:
    code, rules = built(who, machine), rules_for(who)  # type: ignore[arg-type]
    names = {number: name for name, number in numbers.NUMBERS[machine].items()}
    seen = {"permitted": 0, "refused": 0}
    for number in range(600):
        rule = rules.get(names.get(number, ""))
        for arguments in [(0,) * 6] if rule is None else samples(rule):
            found = simulate(code, Call(number, numbers.AUDIT_ARCH[machine], arguments))
            if rule is None or not rule.permits(arguments, OWN):
                expected = WHO[who]
            else:
                expected = program.ERRNO | rule.answer if rule.answer else program.ALLOW
            assert found == expected, (names.get(number, number), [hex(each) for each in arguments])
            seen["refused" if found == WHO[who] else "permitted"] += 1
    assert min(seen.values()) > 100, seen


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("who", WHO)
def test_other_architectures_and_x32_are_refused(who: str, machine: str) -> None:
    code = built(who, machine)
    native = numbers.AUDIT_ARCH[machine]
    for number in range(500):
        for foreign in {numbers.AUDIT_ARCH_I386, *numbers.AUDIT_ARCH.values()} - {native}:
            assert simulate(code, Call(number, foreign)) == WHO[who]
        assert simulate(code, Call(number | numbers.X32_BIT, native)) == WHO[who]
        assert simulate(code, Call(number | 1 << 31, native)) == WHO[who]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_zygotes_filter_lets_a_child_do_all_that_its_own_allows(machine: str) -> None:
    """Both bind a child, and the stricter counts."""
    child, zygote = built("child", machine), built("zygote", machine)
    architecture = numbers.AUDIT_ARCH[machine]
    for name, rule in rules_for("child").items():
        if name in numbers.NUMBERS[machine]:
            for arguments in samples(rule):
                call = Call(numbers.NUMBERS[machine][name], architecture, arguments)
                if simulate(child, call) == program.ALLOW:
                    assert simulate(zygote, call) == program.ALLOW, (name, arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_added_later_takes_one_call_away(machine: str) -> None:
    code = program.build_later(machine)
    for name, number in numbers.NUMBERS[machine].items():
        expected = program.KILL_PROCESS if name == LATER else program.ALLOW
        if name in LATER_SILENT:
            expected = program.ERRNO | LATER_SILENT[name]
        assert simulate(code, Call(number, numbers.AUDIT_ARCH[machine])) == expected, name


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_refused_on_purpose_exists_and_has_no_row(machine: str) -> None:
    every = {name for table in numbers.NUMBERS.values() for name in table}
    child = built("child", machine)
    assert len(refused.names()) == len(set(refused.names()))
    for name in refused.names():
        assert name in every, f"{name} is no system call"
        assert name not in rules_for("child"), name
        if name in numbers.NUMBERS[machine]:
            call = Call(numbers.NUMBERS[machine][name], numbers.AUDIT_ARCH[machine])
            assert simulate(child, call) == program.USER_NOTIFY


def test_every_row_names_a_call_and_a_reason() -> None:
    every = {name for table in numbers.NUMBERS.values() for name in table}
    for rule in RULES:
        assert rule.name in every, rule.name
        assert rule.reason


def test_numbers_are_those_of_the_headers() -> None:
    header = Path(f"/usr/include/{numbers.machine()}-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip(f"the kernel's headers for {numbers.machine()}")
    listed = {
        name: int(number)
        for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)$", header.read_text(encoding="ascii"), re.MULTILINE)
    }
    ours = numbers.NUMBERS[numbers.machine()]
    assert len(listed) > 300
    assert {name: ours.get(name) for name in listed} == listed


def test_names_of_calls() -> None:
    x86 = numbers.AUDIT_ARCH["x86_64"]
    assert numbers.name_of(x86, 41) == "socket"
    assert numbers.name_of(numbers.AUDIT_ARCH["aarch64"], 198) == "socket"
    assert numbers.name_of(x86, 1000) == "number:1000"
    assert numbers.name_of(x86, numbers.X32_BIT | 41) == "x32:41"
    assert numbers.name_of(numbers.AUDIT_ARCH_I386, 5) == "i386:5"
    assert numbers.name_of(7, 5) == "foreign:5"


def test_the_simulator_refuses_what_seccomp_does() -> None:
    with pytest.raises(ValueError, match="unknown instruction"):
        simulate([Instruction(0x99)], Call(0, 0))
    with pytest.raises(ValueError, match="past its end"):
        simulate([Instruction(bpf.LOAD, 0)], Call(0, 0))


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GET_FILTER = 0x4206, 0x4207, 0x420C
WALL = 0x40000000


def filters_of(pid: int) -> list[bytes]:
    """The filters that the kernel runs for a process, the oldest first; by a helper, which is its tracer meanwhile.

    Raises:
        OSError: the kernel does not tell.
    """
    trace = numbers.NUMBERS[numbers.machine()]["ptrace"]
    found: list[bytes] = []
    kernel.syscall(trace, PTRACE_SEIZE, pid, 0, 0)
    kernel.syscall(trace, PTRACE_INTERRUPT, pid, 0, 0)
    os.waitpid(pid, WALL)
    try:
        for index in range(3):
            count = kernel.syscall(trace, PTRACE_GET_FILTER, pid, index, 0)
            buffer = ctypes.create_string_buffer(count * 8)
            kernel.syscall(trace, PTRACE_GET_FILTER, pid, index, buffer)
            found.append(buffer.raw)
    finally:
        kernel.syscall(trace, 17, pid, 0, 0)  # PTRACE_DETACH
    return found


def test_the_kernel_runs_the_filters_that_the_table_gives(gate: facegate.Gate) -> None:
    with gate.open_request("running-filter", purpose="safety") as request:
        pid = child_of(request).pid
        try:
            running = filters_of(pid)
        except OSError as error:
            pytest.skip(f"CAP_SYS_ADMIN and CONFIG_CHECKPOINT_RESTORE, to read a filter back ({error.strerror})")
        made = Filters()
        expected = [
            program.fill(made._zygote, gate.pool.zygote().pid),
            program.fill(made._telling, pid),
            made._later,
        ]
        assert running == expected
        assert len({*running}) == 3
