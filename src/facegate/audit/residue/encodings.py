"""How a piece of geometry or of a picture looks in memory once somebody has kept, converted, printed or sent it.

Each encoding is written into the scanner's buffer by numpy, one after the other, so that no other copy is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.text import Writer

_BASE64: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
_LOWER: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_UPPER: Final = np.frombuffer(b"0123456789ABCDEF", np.uint8)
# Bytes that one number takes as text at most, with what stands around it.
_PER_NUMBER: Final = 40


class Encoded(NamedTuple):
    """One piece in one encoding.

    Attributes:
        name: of the encoding.
        content: its bytes, in the scanner's buffer, until the next one is made.
        numbers: type of the numbers in it, or None for text and bytes.
        begin: where windows are looked for first: not in what other encodings share with this one.
    """

    name: str
    content: NDArray[np.uint8]
    numbers: np.dtype[Any] | None = None
    begin: int = 0


def encodings(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
    """Every encoding of a piece.

    Args:
        piece: (n, k), rows of float16, float32 or float64 numbers; or (n, k) uint8, neighbouring pixels of k channels.
            It lies in `desk` already.
        desk: where they are written; each is gone when the next is asked for.
    """
    own = (*_PIXELS, *_INTEGERS) if piece.dtype == np.uint8 else (*_TEXTS, _planar)
    makers = (_raw, *own, *_FLOATS, *_OF_BYTES)
    for make in makers:
        mark = desk.mark()
        yield from make(piece, desk)
        desk.back_to(mark)


_Maker = Callable[[NDArray[Any], Scratch], Iterator[Encoded]]


def _raw(piece: NDArray[Any], _: Scratch) -> Iterator[Encoded]:
    if piece.dtype != np.uint8:
        yield Encoded(piece.dtype.name, _bytes(piece), piece.dtype)
    else:
        yield Encoded("rgb" if piece.shape[1] == 3 else "bytes", _bytes(piece), piece.dtype)


def _planar(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
    """One channel, or one coordinate, after the other."""
    if piece.shape[1] == 1:
        return
    plane = desk.array(piece.shape[0], piece.dtype)
    for channel in range(piece.shape[1]):
        np.copyto(plane, piece[:, channel])
        yield Encoded("planar", _bytes(plane), piece.dtype)


def _bgr(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
    if piece.shape[1] != 3:
        return
    turned = desk.array(piece.shape, np.uint8)
    np.copyto(turned, piece[:, ::-1])
    yield Encoded("bgr", _bytes(turned), piece.dtype)


def _rgba(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
    if piece.shape[1] != 3:
        return
    four = desk.array((piece.shape[0], 4), np.uint8)
    four[:, 3] = 255
    for name, colours in (("rgba", piece), ("bgra", piece[:, ::-1])):
        np.copyto(four[:, :3], colours)
        yield Encoded(name, _bytes(four), piece.dtype)


def _float(kind: type[np.floating[Any]]) -> _Maker:
    def make(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
        if piece.dtype == kind:
            return
        converted = desk.array(piece.shape, kind)
        np.copyto(converted, piece, casting="unsafe")
        yield Encoded(kind.__name__, _bytes(converted), converted.dtype)

    return make


def _scaled(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
    """Pixels as networks take them: 0 to 1 and -1 to 1, in both ways to round."""
    for kind in (np.float16, np.float32, np.float64):
        for name, divide, offset in (("0..1", 255, 0), ("-1..1", 127.5, 1)):
            values = desk.array(piece.shape, np.float32 if kind is np.float16 else kind)
            narrow = desk.array(piece.shape, kind)
            for scale in (np.divide, np.multiply):
                np.copyto(values, piece)
                factor = values.dtype.type(divide if scale is np.divide else 1 / divide)
                scale(values, factor, out=values)
                np.subtract(values, values.dtype.type(offset), out=values)
                np.copyto(narrow, values, casting="same_kind")
                yield Encoded(f"{kind.__name__} {name}", _bytes(narrow), narrow.dtype)


def _text(name: str, form: str, separator: bytes, *, nested: bool = False, row: bytes = b"") -> _Maker:
    """Numbers with something between them; rows in brackets, or with `row` between them."""

    def make(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
        writer = Writer(desk, piece.size * _PER_NUMBER)
        seam = 0
        for at, numbers in enumerate(piece):
            if at:
                seam = seam or len(writer.written)
                writer.literal((b"]" + separator + b"[") if nested and piece.shape[1] > 1 else row or separator)
            for column, value in enumerate(numbers):
                if column:
                    writer.literal(separator)
                writer.number(value, form)
        yield Encoded(name, writer.written, begin=max(0, seam - 12))

    return make


def _base64(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
    """Of the bytes as they are, wherever the first of them falls in a group of three."""
    for skipped in range(3):
        given = _bytes(piece)[skipped:]
        groups = given[: given.size // 3 * 3].reshape(-1, 3)
        index = desk.array((len(groups), 4), np.intp)
        np.copyto(index[:, :3], groups)
        index[:, 3] = index[:, 2] & 63
        index[:, 2] = (index[:, 1] & 15) << 2 | index[:, 2] >> 6
        index[:, 1] = (index[:, 0] & 3) << 4 | index[:, 1] >> 4
        index[:, 0] >>= 2
        yield _looked_up("base64", _BASE64, index, desk)


def _hex(name: str, digits: NDArray[np.uint8]) -> _Maker:
    def make(piece: NDArray[Any], desk: Scratch) -> Iterator[Encoded]:
        given = _bytes(piece)
        index = desk.array((given.size, 2), np.intp)
        np.copyto(index, given[:, None])
        index[:, 0] >>= 4
        index[:, 1] &= 15
        yield _looked_up(name, digits, index, desk)

    return make


def _looked_up(name: str, table: NDArray[np.uint8], index: NDArray[np.intp], desk: Scratch) -> Encoded:
    characters = desk.array(index.size, np.uint8)
    # Any other mode than "raise" writes straight to `out`.
    np.take(table, index.reshape(-1), out=characters, mode="clip")
    return Encoded(name, characters)


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


_FLOATS: Final[tuple[_Maker, ...]] = (_float(np.float16), _float(np.float32), _float(np.float64))
_PIXELS: Final[tuple[_Maker, ...]] = (_bgr, _planar, _rgba, _scaled)
_TEXTS: Final[tuple[_Maker, ...]] = (
    _text("json", "repr", b", ", nested=True),
    _text("json compact", "repr", b",", nested=True),
    _text("json flat", "repr", b", "),
    _text("decimal", "short", b", "),
    _text("decimal compact", "short", b","),
    _text("csv", "short", b",", row=b"\n"),
    _text("%.6f", "%.6f", b" ", row=b"\n"),
    _text("%.18e", "%.18e", b" ", row=b"\n"),
)
_INTEGERS: Final[tuple[_Maker, ...]] = (
    *_TEXTS[:3],
    _text("decimal", "short", b" "),
)
_OF_BYTES: Final[tuple[_Maker, ...]] = (_base64, _hex("hex", _LOWER), _hex("hex upper", _UPPER))
