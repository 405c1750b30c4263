"""Memory of an open request is found by where it lies, whatever shows it and however deep it is."""

from __future__ import annotations

import array
import collections
import ctypes
import functools
import gc
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import make_dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facegate.memory import aliases, spans
from facegate.memory.adopted import Adoptions
from facegate.memory.portable import PortableRegion
from facegate.memory.region import Region
from facegate.memory.sealed import Sealed

Record = make_dataclass("Record", ["first", "second"])


class Pair(NamedTuple):
    """A named tuple."""

    first: Any
    second: Any


class Slots:
    """Holds without a dict."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


class Interface:
    """Shows memory by numpy's protocol alone."""

    def __init__(self, view: NDArray[Any]) -> None:
        self.__array_interface__ = view.__array_interface__


class Property:
    """The same, computed when it is asked for."""

    def __init__(self, view: NDArray[Any]) -> None:
        self._place = view.__array_interface__["data"][0]

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"data": (self._place, True), "shape": (3,), "typestr": "<f4", "version": 3}


class Exchanged:
    """Shows memory by DLPack alone."""

    __slots__ = ("_place",)

    def __init__(self, view: NDArray[Any]) -> None:
        self._place = _address(view), view.size

    def __dlpack__(self, **options: Any) -> Any:
        return _at(*self._place).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def _at(place: int, count: int) -> NDArray[Any]:
    # DLPack has no read-only memory before its version 1, so this is a writable look.
    return np.frombuffer((ctypes.c_float * count).from_address(place), np.float32)


def _address(view: NDArray[Any]) -> int:
    return int(view.__array_interface__["data"][0])


def _generator(view: Any) -> Iterator[Any]:
    yield view


def _begun(view: Any) -> Iterator[Any]:
    made = _generator(view)
    next(made)
    return made


VIEWS: dict[str, Callable[[NDArray[np.float32]], Any]] = {
    "itself": lambda view: view,
    "view of a view": lambda view: view[2:900][::3].reshape(-1, 2)[:, 1],
    "backwards": lambda view: view[::-1],
    "other type": lambda view: view.view(np.uint8),
    "scalar view": lambda view: view[4:5].reshape(()),
    "memoryview": lambda view: memoryview(view)[3:],
    "memoryview with steps": lambda view: memoryview(view)[::2],
    "bytes of memoryview": lambda view: memoryview(view).cast("B")[7:9],
    "array of memoryview": lambda view: np.asarray(memoryview(view)),
    "DLPack": lambda view: np.from_dlpack(_at(_address(view), view.size)),
    "only DLPack": Exchanged,
    "only __array_interface__": Interface,
    "__array_interface__ as a property": Property,
    "ctypes array": lambda view: (ctypes.c_float * 4).from_address(_address(view) + 64),
    "ctypes pointer": lambda view: view.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
    "void pointer": lambda view: ctypes.c_void_p(_address(view) + 8),
    "ctypes number": lambda view: ctypes.c_float.from_address(_address(view)),
    "broadcast": lambda view: np.broadcast_to(view[:3], (5, 3)),
    "part of a larger span": lambda view: np.frombuffer((ctypes.c_char * 64).from_address(_address(view) - 32), "u1"),
    "bound method": lambda view: view.sum,
    "PickleBuffer": lambda view: __import__("pickle").PickleBuffer(view),
}
HOLDERS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda held: {"a": [1, {"b": (held,)}]},
    "list": lambda held: [[[held]]],
    "deque": lambda held: collections.deque([held]),
    "ChainMap": lambda held: collections.ChainMap({}, {"a": held}),
    "mapping view": lambda held: {"a": held}.values(),
    "dataclass": lambda held: Record(1, Record(2, held)),
    "named tuple": lambda held: Pair(1, Pair(2, held)),
    "slots": Slots,
    "attributes": lambda held: SimpleNamespace(a=SimpleNamespace(b=held)),
    "object array": lambda held: np.array([None, Slots(held)], object),
    "partial": lambda held: functools.partial(print, held),
    "closure": lambda held: lambda: held,
    "default": lambda held: lambda it=held: it,
    "generator": _begun,
    "iterator": lambda held: iter([held]),
}


@pytest.fixture(params=[Region, PortableRegion])
def view(request: pytest.FixtureRequest) -> Iterator[NDArray[np.float32]]:
    """What a window on a region shows: 2,048 float32."""
    with request.param("arena", 8192) as region:
        region.buffer()[:8] = b"\x01" * 8
        window = region.window()
        yield window.array(np.float32, (2048,))
        window.revoke()


@pytest.mark.parametrize("name", VIEWS)
def test_every_look_at_the_memory_is_found(view: NDArray[np.float32], name: str) -> None:
    assert aliases.find(VIEWS[name](view)) == "open"


@pytest.mark.parametrize("name", HOLDERS)
def test_it_is_found_wherever_it_is_held(view: NDArray[np.float32], name: str) -> None:
    assert aliases.find(HOLDERS[name](view[5:9])) == "open"
    assert aliases.find(HOLDERS[name](Sealed())) == "sealed"


def test_a_set_and_the_keys_of_a_dict_are_looked_through() -> None:
    assert aliases.find({1, Sealed()}) == "sealed"
    assert aliases.find(frozenset([(1, Sealed())])) == "sealed"
    assert aliases.find({Sealed(): 1}) == "sealed"


@pytest.mark.parametrize(
    "copy",
    [
        np.array,
        lambda view: view.copy()[::2],
        lambda view: array.array("f", view),
        lambda view: bytes(view),
        lambda view: bytearray(view),
        lambda view: [float(each) for each in view[:3]],
        lambda _: {"prompt": "a portrait", "seed": 7, "scale": 1.5, "none": None, "sizes": [512, 512]},
        lambda view: np.float64(view[0]),
        lambda view: io.BytesIO(bytes(view)),
    ],
)
def test_copies_and_plain_data_are_nobodys(view: NDArray[np.float32], copy: Callable[[Any], Any]) -> None:
    assert aliases.find(copy(view)) is None
    assert aliases.find({"a": [copy(view)]}) is None


def test_the_makers_own_map_is_found_too() -> None:
    with Region("pixels", 4096) as region:
        assert aliases.find(np.frombuffer(region.buffer(), np.uint8)[100:]) == "open"


def test_a_stale_view_is_found_until_it_has_died() -> None:
    """It reads zeros; and its addresses are let go with it, or nobody could tell who has them next."""
    gc.collect()
    before = dict(spans._live)
    with Region("arena", 4096) as region:
        window = region.window()
        stale = window.array(np.uint8, (4096,))
        window.revoke()
    assert not stale.any()
    assert aliases.find(stale) == "open"
    del window, stale
    gc.collect()
    assert spans._live == before


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: np.ones(64, np.float32), lambda made: made[10:12]),
        (lambda: np.ones(64, np.float32)[8:16], lambda made: made.base),
        (lambda: bytearray(b"x" * 64), lambda made: memoryview(made)[5:]),
        (lambda: Image.new("RGB", (8, 8)), lambda made: made),
    ],
)
def test_what_was_adopted_is_found_until_it_was_wiped(make: Callable[[], Any], other: Callable[[Any], Any]) -> None:
    made = make()
    adoptions = Adoptions()
    adoptions.take(made)
    try:
        assert aliases.find({"a": [other(made)]}) == "adopted"
    finally:
        adoptions.wipe()
    assert aliases.find(other(made)) is None


def test_memory_that_does_not_say_where_it_lies_is_not_let_through() -> None:
    class Mute:
        @property
        def __array_interface__(self) -> Any:
            raise RuntimeError("not now")

    class Device:
        __cuda_array_interface__: Any = None

    released = memoryview(b"x")
    released.release()
    for each in (np.ones(3).__dlpack__(), Mute(), Device(), released):
        assert aliases.find([each]) == "unknown"


def test_circles_end_and_so_does_a_structure_without_end() -> None:
    circle: list[Any] = []
    circle.append({"a": circle})
    assert aliases.find(circle) is None
    deep: Any = 0
    for _ in range(50_000):
        deep = [deep]
    assert aliases.find(deep) is None
    for _ in range(60_000):
        deep = [deep]
    assert aliases.find(deep) == "endless"
    while deep:  # taken apart by hand: the interpreter's own way is deep, too
        (deep,) = deep


@pytest.mark.frameworks
def test_tensors() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with Region("arena", 8192) as region:
        window = region.window()
        view = window.array(np.float32, (2048,))
        with warnings.catch_warnings(action="ignore"):  # told once that the memory is read-only
            tensor = torch.from_numpy(view)
        for each in (tensor, tensor[3:7][::2], tensor.view(torch.uint8), {"a": [tensor]}, tensor.untyped_storage()):
            assert aliases.find(each) == "open", type(each)
        assert aliases.find(tensor.clone()) is None
        window.revoke()
    made = torch.ones(8)
    adoptions = Adoptions()
    adoptions.take(made[:2])
    assert aliases.find(made[6:]) == "adopted", "one storage, all of which goes with a tensor"
    adoptions.wipe()
