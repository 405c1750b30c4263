"""What a row of the table says about a call: which arguments it may have, and what it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

WORD: Final = 0xFFFF_FFFF
# Stands for the process's own ID until the program is installed; no process ID is that large.
OWN_PROCESS: Final = 0xFACE_6A7E

Who: TypeAlias = Literal["both", "child", "zygote"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one argument.

    Most arguments are 32-bit to the kernel, and the upper half of their register is whatever was there before: it is
    looked at only where the kernel does.

    Attributes:
        index: of the argument, from 0.
        values: the lower half, after `mask`, must be one of these.
        mask: bits that are looked at.
        whole: the upper half must be zero.
    """

    index: int
    values: tuple[int, ...]
    mask: int = WORD
    whole: bool = False

    def holds(self, arguments: Sequence[int], own: int) -> bool:
        """Whether a call with these arguments, made by the process `own`, fulfils it."""
        value = arguments[self.index] if self.index < len(arguments) else 0
        if self.whole and value >> 32:
            return False
        return value & self.mask in {own if each == OWN_PROCESS else each for each in self.values}


def equals(index: int, *values: int) -> Condition:
    """The argument is one of these."""
    return Condition(index, values)


def lacks(index: int, bits: int) -> Condition:
    """None of the bits is set."""
    return Condition(index, (0,), mask=bits)


def only(index: int, bits: int) -> Condition:
    """No other bit is set."""
    return Condition(index, (0,), mask=WORD & ~bits)


def has(index: int, bits: int) -> Condition:
    """All of the bits are set."""
    return Condition(index, (bits,), mask=bits)


def null(index: int) -> Condition:
    """A null pointer, all 64 bits."""
    return Condition(index, (0,), whole=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row.

    Attributes:
        name: of the call.
        reason: why it is there.
        when: alternatives, each a set of conditions that must all hold; a call for which none does is a violation.
            ``((),)`` puts no condition.
        answer: errno with which it is answered instead of being carried out; 0: it is carried out.
        who: the process whose filter has the row.
    """

    name: str
    reason: str
    when: tuple[tuple[Condition, ...], ...] = ((),)
    answer: int = 0
    who: Who = "both"

    def permits(self, arguments: Sequence[int], own: int) -> bool:
        """Whether the row covers a call with these arguments."""
        return any(all(each.holds(arguments, own) for each in clause) for clause in self.when)


def rows(reason: str, names: str, *clauses: tuple[Condition, ...], who: Who = "both", answer: int = 0) -> list[Rule]:
    """A row for each name, all for the same reason."""
    return [Rule(name, reason, clauses or ((),), answer, who) for name in names.split()]
