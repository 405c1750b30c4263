"""What a structure holds that is an open request's: told by where its memory lies, not by what type shows it."""

from __future__ import annotations

import ctypes
import datetime
import gc
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.lib.array_utils import byte_bounds

from facegate.memory import adopted, spans
from facegate.memory.nested import is_picture, is_tensor
from facegate.memory.sealed import Sealed

Finding: TypeAlias = Literal["sealed", "open", "adopted", "unknown", "endless"]
Span: TypeAlias = tuple[str, int, int]

# Of objects that are looked through. Whatever is meant to be sent has far fewer.
_MOST: Final = 100_000
# What a value does not own: to follow these would be to look through the whole process.
_SHARED: Final = (type, ModuleType)
_OWN_MEMORY: Final = (str, bytes, int, float, complex, bool, type(None))
_CAPSULE: Final = type(datetime.datetime_CAPI)
_POINTERS: Final = (ctypes._Pointer, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_wchar_p)


def find(value: object) -> Finding | None:
    """The first thing in a structure that belongs to an open request, at any depth.

    Containers, dataclasses, instances with attributes or slots, closures, partial functions and views are followed:
    all that an object refers to, but for classes, modules and a function's globals.

    Returns:
        ``"sealed"`` for a handle, ``"open"`` for memory of a region or a window, ``"adopted"`` for what `adopt` got,
        ``"unknown"`` for memory whose place is not told, ``"endless"`` where there is too much to look through; None
        for nothing of these.
    """
    seen: set[int] = set()
    # Kept until the end: what is made on the way, a list of an array's objects, must not give its number to another.
    waiting, kept = [value], [value]
    while waiting:
        each = waiting.pop()
        if type(each) in _OWN_MEMORY or isinstance(each, _SHARED) or id(each) in seen:
            continue
        if isinstance(each, Sealed):
            return "sealed"
        if len(seen) >= _MOST:
            return "endless"
        seen.add(id(each))
        kept.append(each)
        if (found := _of_memory(each)) is not None:
            return found
        waiting.extend(_below(each))
    return None


def _of_memory(value: object) -> Finding | None:
    try:
        found = list(_spans(value))
    except Exception:  # noqa: BLE001 (whatever a foreign type raises: where its memory lies, it did not say)
        return "unknown"
    for space, start, end in found:
        if space == "cpu" and spans.overlaps(start, end):
            return "open"
    return "adopted" if any(map(adopted.is_taken, found)) else None


def _below(value: Any) -> list[Any]:
    """What an object refers to and owns."""
    if isinstance(value, np.ndarray):
        # numpy does not tell the collector of these.
        return list(value.flat) if value.dtype.hasobject and value.size <= _MOST else [value.base]
    if isinstance(value, FunctionType):
        return [value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__]
    return gc.get_referents(value)


def _spans(value: Any) -> Iterator[Span]:
    """Where what an object shows, or points to, lies."""
    if is_tensor(value):
        storage = value.untyped_storage()  # all of it: that is what goes with a tensor that is pickled
        yield str(value.device), storage.data_ptr(), storage.data_ptr() + storage.nbytes()
    elif _is_storage(value):
        yield str(value.device), value.data_ptr(), value.data_ptr() + value.nbytes()
    elif is_picture(value):
        yield "picture", id(value.im), id(value.im) + 1
    elif isinstance(value, np.ndarray):
        yield _of_array(value)
    elif isinstance(value, _CAPSULE):
        raise TypeError("A capsule does not say where its memory lies.")
    elif isinstance(value, _POINTERS):
        place = ctypes.cast(value, ctypes.c_void_p).value or 0
        yield "cpu", place, place + 1
    else:
        yield from _exported(value)


def _is_storage(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, (torch.UntypedStorage, torch.TypedStorage))


def _exported(value: Any) -> Iterator[Span]:
    """By the three protocols in which memory is lent."""
    try:
        buffer = memoryview(value)
    except TypeError:
        pass
    else:
        yield _of_array(np.asarray(buffer))
        return
    kind = type(value)
    if hasattr(kind, "__array_interface__") or "__array_interface__" in getattr(value, "__dict__", {}):
        yield _of_array(np.asarray(_Lent(value.__array_interface__)))
    elif hasattr(kind, "__array_struct__"):
        yield _of_array(np.asarray(value))
    elif hasattr(kind, "__dlpack__"):
        yield _of_array(np.from_dlpack(value))
    elif hasattr(kind, "__cuda_array_interface__"):
        raise TypeError("Memory of a device does not say whose it is.")


class _Lent:
    """What numpy makes a view from, and nothing else of an object."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


def _of_array(array: Any) -> Span:
    start, end = byte_bounds(array)
    return "cpu", int(start), int(end)
