"""What is planted and how: the encodings, written by libraries and not by the scanner, and a process to keep them."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

PLACES = ("heap", "stack", "anonymous", "memfd", "/dev/shm", "mapped file", "deleted file")
Encode = Callable[[np.ndarray, np.random.Generator], bytes]


def _table(form: str, delimiter: str = " ") -> Encode:
    def encode(array: np.ndarray, _: np.random.Generator) -> bytes:
        file = io.BytesIO()
        np.savetxt(file, array, form, delimiter)
        return file.getvalue()

    return encode


def _base64(array: np.ndarray, chance: np.random.Generator) -> bytes:
    return base64.b64encode(chance.bytes(int(chance.integers(3))) + array.tobytes())


def _joined(separator: str) -> Encode:
    return lambda array, _: separator.join(map(str, array.ravel())).encode()


def _json(separators: tuple[str, str] | None = None, *, flat: bool = False) -> Encode:
    return lambda array, _: json.dumps((array.ravel() if flat else array).tolist(), separators=separators).encode()


def _cast(kind: type, scale: float = 1, offset: float = 0, *, inverse: bool = False) -> Encode:
    def encode(array: np.ndarray, _: np.random.Generator) -> bytes:
        wide = np.float32 if kind is np.float16 else kind
        values = array.astype(wide) * wide(1 / scale) if inverse else array.astype(wide) / wide(scale)
        return (values - wide(offset)).astype(kind).tobytes()

    return encode


_FLOATS: dict[str, Encode] = {kind.__name__: _cast(kind) for kind in (np.float16, np.float32, np.float64)}
_BYTES: dict[str, Encode] = {
    "base64": _base64,
    "hex": lambda array, _: array.tobytes().hex().encode(),
    "hex upper": lambda array, _: array.tobytes().hex().upper().encode(),
}
_VALUES: dict[str, Encode] = (
    _FLOATS
    | _BYTES
    | {
        "json": _json(),
        "json compact": _json((",", ":")),
        "decimal": _joined(", "),
        "decimal compact": _joined(","),
        "%.6f": _table("%.6f"),
        "%.18e": _table("%.18e"),
    }
)
ENCODINGS: dict[str, dict[str, Encode]] = {
    "values": _VALUES,
    "points": _VALUES | {
        "planar": lambda array, _: array.T.tobytes(),
        "json flat": _json(flat=True),
        "csv": lambda array, _: "\n".join(",".join(map(str, row)) for row in array).encode(),
    },
    "pixels": _FLOATS | _BYTES | {
        "rgb": lambda array, _: array.tobytes(),
        "bgr": lambda array, _: array[..., ::-1].tobytes(),
        "rgba": lambda array, _: np.dstack([array, np.full_like(array[..., :1], 255)]).tobytes(),
        "bgra": lambda array, _: np.dstack([array[..., ::-1], np.full_like(array[..., :1], 255)]).tobytes(),
        "planar": lambda array, _: array.transpose(2, 0, 1).tobytes(),
        "json": _json(),
        "json compact": _json((",", ":")),
        "json flat": _json(flat=True),
        "decimal": _joined(" "),
    } | {
        f"{kind.__name__} {name}{' ' * inverse}": _cast(kind, scale, offset, inverse=inverse)
        for kind in (np.float16, np.float32, np.float64)
        for name, scale, offset in (("0..1", 255, 0), ("-1..1", 127.5, 1))
        for inverse in (False, True)
    },
}  # fmt: skip
ALL = [(shape, encoding) for shape, known in ENCODINGS.items() for encoding in known]


def data(shape: str, chance: np.random.Generator) -> np.ndarray:
    """Something of a person that nobody has."""
    if shape == "values":
        return chance.normal(0, 0.03, 180).astype(np.float32)
    if shape == "points":
        return chance.normal(300, 80, (60, 3)).astype(np.float32)
    # A picture's noise on a slope, not noise alone.
    slope = np.linspace(40, 180, 64)[None, :, None]
    return np.clip(chance.normal(0, 12, (10, 64, 3)) + slope, 0, 255).astype(np.uint8)


class Victim:
    """A running `victim.py`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(Path(__file__).with_name("victim.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._remove()

    def plant(self, place: str, offset: int, content: bytes, name: str) -> None:
        """Have it keep the content."""
        path = Path("/dev/shm" if place == "/dev/shm" else self._folder) / f"facegate-victim-{self.pid}-{name}"
        if place in {"/dev/shm", "mapped file"}:
            self._files.append(path)
        self._send({"do": "plant", "place": place, "offset": offset, "size": len(content), "path": str(path)}, content)

    def wipe(self) -> None:
        """Have it overwrite what it keeps, and remove the files."""
        self._send({"do": "wipe"}, b"")
        self._remove()

    def _remove(self) -> None:
        for path in self._files:
            path.unlink(missing_ok=True)
        self._files.clear()

    def _send(self, command: dict[str, object], content: bytes) -> None:
        assert self._process.stdin is not None
        rest = memoryview(json.dumps(command).encode() + b"\n" + content)
        while rest:
            rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        self._answer()

    def _answer(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the victim died"
