"""Where memory of open requests lies in this process: each map of a region, each window until it is unmapped."""

from __future__ import annotations

import itertools
from typing import Final

# No lock: a window gives its span back when its last view dies, which may be in the middle of anything, and each of
# these operations on a dict is a single one to the interpreter.
_live: Final[dict[int, tuple[int, int]]] = {}
_numbers: Final = itertools.count()


def note(address: int, length: int) -> int:
    """Something of a request lies there from now on; the number is for `forget`."""
    number = next(_numbers)
    _live[number] = address, address + length
    return number


def forget(number: int) -> None:
    """Nothing does any more; idempotent."""
    _live.pop(number, None)


def overlaps(start: int, end: int) -> bool:
    """Whether any of it lies between two addresses, the second one behind the last byte."""
    return any(start < last and first < end for first, last in list(_live.values()))
