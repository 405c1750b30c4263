"""What a worker was shown, kept so that what it kept can be told from anything else.

Nothing is kept plain: everything is XORed with random bytes, and where it is compared, in buffers that are overwritten
afterwards, so that a scan for residue does not find what this module left.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue import Markers
from facegate.errors import ShapeError
from facegate.memory.sealed import Sealed
from facegate.request import Request

_DEPTH: Final = 6
_MOST_PARTS: Final = 20_000
_MOST_KEPT: Final = 256
_ALIKE: Final = 0.9999  # correlation of columns: shifted and scaled, as normalized coordinates are
_NUMBER: Final = re.compile(r"-?\d+\.\d+(?:[eE][+-]?\d+)?")
_WHOLE: Final = re.compile(r"-?\d+")
# Arrays of this few numbers are alike by chance; they must be equal.
_FEW: Final = 8
# Pictures are looked for row by row; and no text has them, or the values of a mask, number by number.
_PICTURES: Final = {"pixels": "pixels of the picture", "crop": "pixels of a crop"}
_NO_WORDS: Final = frozenset({*_PICTURES, "mask"})
_MARKED: Final = frozenset({"landmarks", "embedding", "identity", "identity_normed"})


@dataclass(frozen=True, slots=True)
class Kept:
    """One product, masked.

    Attributes:
        name: of the product: "landmarks", "box", "pixels" and so on.
        shape: of the array.
        dtype: of the array.
        masked: its bytes, XORed.
        pad: with these.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    masked: NDArray[np.uint8]
    pad: NDArray[np.uint8]

    @contextmanager
    def plain(self) -> Iterator[NDArray[Any]]:
        """The array, for as long as the block lasts."""
        room = np.empty(self.masked.size, np.uint8)
        try:
            np.bitwise_xor(self.masked, self.pad, out=room)
            yield room.view(self.dtype).reshape(self.shape)
        finally:
            room.fill(0)


class Exposed:
    """Takes down what requests of this process expose, from now until `close`.

    Attributes:
        opened: how many requests were opened.
        kept: what they exposed.
    """

    def __init__(self) -> None:
        self.opened = 0
        self.kept: list[Kept] = []
        self._restore: list[Callable[[], None]] = []
        beginning, product, pixels = Request.begin, Request.expose_product, Request.expose_pixels
        cut, covered = Request.expose_crop, Request.expose_mask

        def begun(request: Request) -> None:
            self.opened += 1
            beginning(request)

        @contextmanager
        def exposed_product(request: Request, faces: Any, name: str, rows: Any) -> Iterator[Any]:
            with product(request, faces, name, rows) as shown:
                self._take(name, shown)
                yield shown

        @contextmanager
        def exposed_pixels(request: Request, picture: Any) -> Iterator[Any]:
            with pixels(request, picture) as shown:
                self._take("pixels", shown)
                yield shown

        @contextmanager
        def exposed_crop(request: Request, face: Any, wish: dict[str, Any]) -> Iterator[Any]:
            with cut(request, face, wish) as shown:
                self._take("crop", shown.pixels)
                yield shown

        @contextmanager
        def exposed_mask(request: Request, face: Any, wish: dict[str, Any]) -> Iterator[Any]:
            with covered(request, face, wish) as shown:
                self._take("mask", shown)
                yield shown

        for name, original, replacement in (
            ("begin", beginning, begun),
            ("expose_product", product, exposed_product),
            ("expose_pixels", pixels, exposed_pixels),
            ("expose_crop", cut, exposed_crop),
            ("expose_mask", covered, exposed_mask),
        ):
            setattr(Request, name, replacement)
            self._restore.append(lambda name=name, original=original: setattr(Request, name, original))  # type: ignore[misc]

    def _take(self, name: str, shown: NDArray[Any]) -> None:
        if name == "confidence" or not shown.size or len(self.kept) >= _MOST_KEPT:
            return
        if name == "transform":
            shown = shown[:3]  # 0, 0, 0, 1 is in every text with numbers
        flat = shown.reshape(-1).view(np.uint8)
        pad: NDArray[np.uint8] = np.frombuffer(secrets.token_bytes(flat.size), np.uint8)
        self.kept.append(Kept(name, shown.shape, shown.dtype, np.bitwise_xor(flat, pad), pad))

    def close(self) -> None:
        """Take down no more."""
        while self._restore:
            self._restore.pop()()

    def markers(self) -> Markers | None:
        """What to look for in memory; None where nothing was exposed that can be told from anything else."""
        wanted = [each for each in self.kept if each.name in _MARKED]
        made: dict[bytes, tuple[Kept, NDArray[Any]]] = {}
        rooms: list[NDArray[Any]] = []
        try:
            for each in wanted:
                with each.plain() as plain:
                    room = np.empty(plain.shape, plain.dtype)
                    rooms.append(room)
                    np.copyto(room, plain)
                if not any(np.array_equal(room, other) for _, other in made.values()):
                    made[len(made).to_bytes(2, "big")] = each, room
            named = {f"{each.name}_{number}": room for number, (each, room) in enumerate(made.values(), 1)}
            return Markers.of(windows=16, **named) if named else None
        except ShapeError:
            return None
        finally:
            for room in rooms:
                room.fill(0)

    def found_in(self, value: object) -> str:
        """What of it is in a value, in words; empty if nothing is.

        Equal, or shifted and scaled, or part of it: arrays, buffers, lists of numbers, text with numbers, pictures that
        are cut out; and whatever holds one of these, some levels deep.
        """
        for part in _parts(value):
            if isinstance(part, Sealed):
                return f"a sealed {type(part).__name__}"
            if isinstance(part, str):
                found = self._in_text(part)
            elif isinstance(part, (bytes, bytearray, memoryview)):
                found = self._in_bytes(memoryview(part).cast("B"))
            else:
                found = self._in_array(_as_array(part))
            if found:
                return found
        return ""

    def _in_bytes(self, data: memoryview) -> str:
        whole = bytearray(data)
        try:
            for each in self.kept:
                with each.plain() as plain:
                    for dtype in (np.float32, np.float64, np.float16) if each.dtype == np.float32 else (each.dtype,):
                        coded = plain.astype(dtype).reshape(-1)
                        window = coded[: max(1, 32 // coded.itemsize)]
                        found = window.size > 1 and window.any() and whole.find(window.view(np.uint8).data) >= 0
                        coded.fill(0)
                        if found:
                            return each.name
            return ""
        finally:
            whole[:] = bytes(len(whole))

    def _in_array(self, array: NDArray[Any] | None) -> str:
        if array is None or array.dtype.kind not in "fiu" or array.size < 2:
            return ""
        for each in self.kept:
            with each.plain() as plain:
                test = _TESTS.get(each.name, _is_like)
                if test(array, plain):
                    return _PICTURES.get(each.name, each.name)
        return ""

    def _in_text(self, text: str) -> str:
        tokens = [token for token in _NUMBER.findall(text) if len(re.sub(r"\D", "", token)) >= 4]
        whole = [int(token) for token in _WHOLE.findall(_NUMBER.sub(" . ", text))]
        for each in self.kept:
            if each.name in _NO_WORDS:
                continue
            with each.plain() as plain:
                weight = sum(2 if len(token) >= 8 else 1 for token in tokens if _is_number_of(token, plain))
                if weight >= 2 or (each.name in {"box", "boxes"} and _has_box(whole, plain)):
                    return each.name
        return ""


def _parts(value: object) -> Iterator[Any]:
    """The value, and what it holds, but for lists of plain numbers, which are one thing."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_PARTS:
        part, depth = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if depth >= _DEPTH or isinstance(part, (str, bytes, bytearray, memoryview, np.ndarray, type, Sealed)):
            continue
        if isinstance(part, dict):
            waiting += [(each, depth + 1) for each in (*part.keys(), *part.values())]
        elif isinstance(part, (list, tuple, set, frozenset)):
            if _as_array(part) is None:
                waiting += [(each, depth + 1) for each in part]
        elif isinstance(getattr(part, "__dict__", None), dict) and not callable(part):
            waiting += [(each, depth + 1) for each in vars(part).values()]


def _as_array(part: object) -> NDArray[Any] | None:
    if isinstance(part, np.ndarray):
        return part
    if isinstance(part, (list, tuple)) and part and isinstance(part[0], (int, float, np.generic, list, tuple)):
        try:
            return np.asarray(part, np.float64)
        except (TypeError, ValueError):
            return None  # rows of different lengths, or not of numbers
    if type(part).__module__.partition(".")[0] in {"torch", "PIL"} and hasattr(part, "__array__"):
        try:
            return np.asarray(part.detach().cpu() if hasattr(part, "detach") else part)
        except (TypeError, RuntimeError):
            return None  # a tensor of a type that numpy lacks
    return None


def _is_like(array: NDArray[Any], plain: NDArray[Any]) -> bool:
    """Whether it is the product, or its first columns, or rows in a sequence, as they are or shifted and scaled."""
    rows = plain.reshape(len(plain), -1) if plain.ndim > 1 else plain.reshape(-1, 1)
    mine = rows.astype(np.float64)
    try:
        for columns in range(1, rows.shape[1] + 1):
            if array.size % columns:
                continue
            other = np.asarray(array, np.float64).reshape(-1, columns)
            if len(other) == len(mine) and _same(other, mine[:, :columns]):
                return True
        flat = np.asarray(array, np.float64).reshape(-1)
        return _contains(mine.reshape(-1), flat)
    finally:
        mine.fill(0)


def _same(other: NDArray[np.float64], mine: NDArray[np.float64]) -> bool:
    if mine.size < _FEW:
        # Rounded to whole pixels at most.
        return mine.size > 1 and bool(np.all(np.abs(other - mine) <= (1 if np.abs(mine).max() > 16 else 1e-3)))
    if len(mine) < 3:
        return bool(np.allclose(other, mine, rtol=1e-3, atol=1e-3))
    here, there = mine - mine.mean(0), other - other.mean(0)
    scale = np.sqrt((here**2).sum(0) * (there**2).sum(0))
    return bool((scale > 0).all() and (np.abs((here * there).sum(0)) / np.where(scale > 0, scale, 1) > _ALIKE).all())


def _contains(whole: NDArray[np.float64], part: NDArray[np.float64]) -> bool:
    """Whether four of the product's numbers in a row begin the array, or it begins with them after a cut."""
    if part.size < 4 or whole.size < 4:
        return False
    head = part[:4]
    if np.unique(head).size < 4 or not head[0]:
        return False
    starts = np.flatnonzero(np.isclose(whole[: whole.size - 3], head[0], rtol=1e-6, atol=0))
    return any(np.allclose(whole[start : start + 4], head, rtol=1e-6, atol=0) for start in starts)


def _is_cut_out(array: NDArray[Any], plain: NDArray[Any]) -> bool:
    """Whether the middle row of a picture is in a row of the exposed one, with the channels in either order."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in {3, 4} or array.shape[1] < 8:
        return False
    row = array[len(array) // 2, :, :3]
    if np.unique(row).size < _FEW:
        return False
    for turned in (row, row[:, ::-1]):
        needle = bytearray(np.ascontiguousarray(turned).data.cast("B"))
        if any(bytearray(line.data.cast("B")).find(needle) >= 0 for line in np.ascontiguousarray(plain)):
            return True
    return False


def _is_covering(array: NDArray[Any], plain: NDArray[Any]) -> bool:
    """Whether it is the mask, in any type and scaled; most of a mask's rows and columns are constant."""
    if array.size != plain.size:
        return False
    mine, other = plain.reshape(-1).astype(np.float64), array.reshape(-1).astype(np.float64)
    mine -= mine.mean()
    other -= other.mean()
    scale = float(np.sqrt((mine @ mine) * (other @ other)))
    alike = scale > 0 and abs(float(mine @ other)) / scale > _ALIKE
    mine.fill(0)
    other.fill(0)
    return alike


_TESTS: Final = {"pixels": _is_cut_out, "crop": _is_cut_out, "mask": _is_covering}


def _is_number_of(token: str, plain: NDArray[Any]) -> bool:
    """Whether a number is one of the product's, rounded as the text rounds it."""
    mantissa, _, exponent = token.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    value = float(token)
    room = np.empty(plain.shape, np.float64)
    # In place: what is left of a subtraction of zero would be the product itself.
    np.abs(np.subtract(plain, value, out=room), out=room)
    nearest = room.min()
    room.fill(0)
    # Half a unit of the last digit, and what float32 cannot tell apart.
    return bool(nearest <= 0.5000001 * 10.0 ** (int(exponent or 0) - decimals) + np.spacing(np.float32(abs(value))))


def _has_box(whole: list[int], plain: NDArray[Any]) -> bool:
    boxes = plain.reshape(-1, 4)
    windows = [whole[start : start + 4] for start in range(len(whole) - 3)]
    return any(bool(np.all(np.abs(box - np.asarray(four)) <= 1)) for box in boxes for four in windows)
