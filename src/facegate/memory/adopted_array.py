"""A numpy array, or what can be seen as one, that is zeroed when its request is purged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from facegate.errors import AdoptionError


class AdoptedArray:
    """The elements of one array, wherever their memory is: of a larger array of which it is a view, only its part.

    Args:
        value: what the worker handed over.
        array: the same as an array.

    Raises:
        AdoptionError: zeros would not erase what it holds.
    """

    def __init__(self, value: object, array: NDArray[Any]) -> None:
        if array.dtype.hasobject:
            raise AdoptionError("An array of Python objects cannot be adopted: it holds references, not the content.")
        if _is_of_a_file(array):
            raise AdoptionError("A map of a file cannot be adopted: zeros in memory do not erase what the disk keeps.")
        self.value = value
        self._array = array
        self._where = _where(array)
        self._interface = dict(array.__array_interface__) | {"strides": array.strides}
        # Each element, whatever it is, as its bytes.
        self._interface["shape"] = (*array.shape, array.dtype.itemsize)
        self._interface["strides"] = (*array.strides, 1)
        self._interface["typestr"] = "|u1"
        del self._interface["descr"]
        self.nbytes = array.nbytes
        start, end = byte_bounds(array)
        self.span = ("cpu", int(start), int(end))

    def zero(self) -> tuple[int, int]:
        """As `facegate.memory.adopted.Adopted.zero`; nothing is read back of an array that was resized meanwhile."""
        writable = _make_writable(self._array)
        if _where(self._array) != self._where:
            # What it had is freed, or partly: no longer ours to touch. At least what it has now is zeroed.
            if writable:
                self._array[...] = np.zeros((), self._array.dtype)
            return 0, 0
        content = np.asarray(_Interface(self._interface | {"data": (self._where[0], not writable)}, self._array))
        if writable:
            content[...] = 0
        return self.nbytes, int(np.count_nonzero(content))


class _Interface:
    """What numpy makes a view from, and what keeps its memory alive."""

    def __init__(self, interface: dict[str, Any], owner: object) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def _where(array: NDArray[Any]) -> tuple[int, int]:
    return int(array.__array_interface__["data"][0]), array.nbytes


def _make_writable(array: NDArray[Any]) -> bool:
    if not array.flags.writeable:
        try:
            array.setflags(write=True)
        except ValueError:
            return False  # its memory is another's; if that is not zero by now, it is a residual
    return True


def _is_of_a_file(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False
