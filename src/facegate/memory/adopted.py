"""What the worker made from geometry and handed over, to be zeroed when the request is purged."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from facegate.errors import AdoptionError
from facegate.memory.adopted_array import AdoptedArray
from facegate.memory.adopted_picture import AdoptedPicture
from facegate.memory.adopted_tensor import AdoptedTensor
from facegate.memory.nested import is_picture, is_tensor
from facegate.memory.sealed import Sealed
from facegate.memory.wiped import Wiped

_WHAT: Final = "adopt takes a numpy array, a torch tensor, a PIL image, a bytearray or a memoryview"


class Adopted(Protocol):
    """One object that was taken.

    Attributes:
        value: the object, kept alive until it was zeroed.
        nbytes: of its own elements.
        span: the address space and the addresses from the first element to behind the last.
    """

    value: object
    nbytes: int
    span: tuple[str, int, int]

    def zero(self) -> tuple[int, int]:
        """Zero the elements that it had when it was taken; bytes read back, and how many of those are not zero."""


@dataclass(frozen=True, slots=True)
class _Taken:
    name: str
    adopted: Adopted
    owner: Adoptions


# What all open requests of this process have taken: no memory may belong to two of them.
_taken: list[_Taken] = []
_guard = threading.Lock()


class Adoptions:
    """The objects of one request.

    Does not protect against: copies made of them, also by an allocator that keeps what a tensor no longer uses.
    """

    def __init__(self) -> None:
        self._count = 0

    def take(self, value: object) -> None:
        """Take an object over; once more is nothing.

        Raises:
            AdoptionError: it is of no known type, or its memory belongs to another open request.
        """
        kind, adopted = _known(value)
        with _guard:
            for each in _taken:
                if each.owner is self and each.adopted.value is value:
                    return
                if each.owner is not self and _overlap(each.adopted.span, adopted.span):
                    raise AdoptionError("The memory was adopted by another request, which is still open.")
            self._count += 1
            _taken.append(_Taken(f"adopted {kind} {self._count}", adopted, self))

    def wipe(self) -> list[Wiped]:
        """Zero and read back everything, and let go of it."""
        with _guard:
            mine = [each for each in _taken if each.owner is self]
        wiped = [_wipe(each) for each in mine]
        with _guard:
            _taken[:] = [each for each in _taken if each.owner is not self]
        return wiped


def is_taken(span: tuple[str, int, int]) -> bool:
    """Whether an open request of this process has taken any memory of that span; see `Adopted.span`."""
    with _guard:
        return any(_overlap(each.adopted.span, span) for each in _taken)


def _known(value: Any) -> tuple[str, Adopted]:
    if isinstance(value, Sealed):
        raise AdoptionError("It is facegate's own and purged anyway: adopt is for copies that the worker made.")
    # Neither is imported here: who has no tensors need not have torch.
    if is_tensor(value):
        return "tensor", AdoptedTensor(value, sys.modules["torch"])
    if is_picture(value):
        return "picture", AdoptedPicture(value)
    if isinstance(value, np.ndarray):
        return "array", AdoptedArray(value, value)
    if isinstance(value, (bytearray, memoryview)):
        # The export keeps a bytearray from being resized until it was zeroed.
        return "buffer", AdoptedArray(value, np.asarray(memoryview(value)))
    raise AdoptionError(f"{_WHAT}, not {type(value).__name__}.")


def _overlap(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _wipe(taken: _Taken) -> Wiped:
    size = taken.adopted.nbytes
    try:
        reread, nonzero = taken.adopted.zero()
    except Exception:  # noqa: BLE001 (whatever a driver raises: purge goes on, and this is a residual)
        reread, nonzero = 0, 0
    return Wiped(taken.name, size, reread, nonzero + size - reread)


def _forget() -> None:
    # A fork has copies of the objects, at the same addresses, and none of the requests.
    _taken.clear()
    _guard.release()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget)
