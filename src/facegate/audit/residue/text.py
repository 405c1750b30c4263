"""Numbers as text, written straight into the scanner's buffer: no string of them is ever made in Python's heap."""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue.scratch import Scratch

# Longest form of a number here: sign, 18 decimals, exponent; decimals in full of what fits float32 are 47.
_LONGEST: Final = 64
# Python.h: Py_DTSF_ADD_DOT_0, which makes "100.0" of 100.
_ADD_DOT: Final = 2


@functools.cache
def _python() -> ctypes.PyDLL:
    api = ctypes.PyDLL(None)
    api.PyOS_double_to_string.argtypes = (ctypes.c_double, ctypes.c_char, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    api.PyOS_double_to_string.restype = ctypes.c_void_p
    api.PyOS_string_to_double.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    api.PyOS_string_to_double.restype = ctypes.c_double
    api.strlen.argtypes, api.strlen.restype = (ctypes.c_void_p,), ctypes.c_size_t
    api.PyMem_Free.argtypes = (ctypes.c_void_p,)
    api.PyMem_Free.restype = None
    return api


class Writer:
    """Appends text to a piece of a `Scratch`.

    Args:
        desk: whose piece it is.
        room: bytes.
    """

    def __init__(self, desk: Scratch, room: int) -> None:
        self._target = desk.array(room, np.uint8)
        self._length = 0

    @property
    def written(self) -> NDArray[np.uint8]:
        """What was written so far."""
        return self._target[: self._length]

    def literal(self, text: bytes) -> None:
        """Append punctuation."""
        self._target[self._length : self._length + len(text)] = list(text)
        self._length += len(text)

    def number(self, value: Any, form: str) -> None:
        """Append one number.

        Args:
            value: a numpy scalar.
            form: ``"repr"``, as Python prints a float of 64 bits or an integer; ``"short"``, the fewest digits that
                tell it from its neighbours in its own type, as numpy prints it; ``"%.6f"`` or ``"%.18e"``.
        """
        if np.issubdtype(value.dtype, np.integer):
            self._append(float(value), b"f", 0, 0)
        elif form == "repr":
            self._append(float(value), b"r", 0, _ADD_DOT)
        elif form == "short":
            self._append_shortest(value)
        else:
            self._append(float(value), form[-1].encode(), int(form[2:-1]), 0)

    def _append_shortest(self, value: Any) -> None:
        kind, begin = value.dtype.type, self._length
        for digits in range(3, 18):
            self._append(float(value), b"g", digits, _ADD_DOT)
            self._target[self._length] = 0
            if kind(_python().PyOS_string_to_double(self._target.ctypes.data + begin, None, None)) == value:
                return
            self._length = begin
        self._append(float(value), b"r", 0, _ADD_DOT)

    def _append(self, value: float, form: bytes, digits: int, flags: int) -> None:
        api = _python()
        text = api.PyOS_double_to_string(value, form, digits, flags, None)
        if not text:
            raise MemoryError("Python could not write a number.")
        length = api.strlen(text)
        try:
            if length > _LONGEST or self._length + length >= self._target.size:
                raise MemoryError("The scanner's buffer is too small for a number.")
            ctypes.memmove(self._target.ctypes.data + self._length, text, length)
        finally:
            ctypes.memset(text, 0, length)
            api.PyMem_Free(text)
        self._length += length
