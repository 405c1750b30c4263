"""A face-embedding network that a user brings: what the policy says of it."""

from __future__ import annotations

import os
import re
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from facegate.errors import PolicyError
from facegate.showable import is_showable

# Sides that the template of 112 pixels is defined for: insightface's, and that of networks which take 128.
_SIDES: Final = (112, 128)
_MOST_SIDE: Final = 1024
# A message to the zygote holds both, escaped, with room to spare.
_MOST_PATH: Final = 1024
_MOST_TEXT: Final = 200
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Recognizer:
    """An ONNX network that turns an aligned face into 512 numbers. facegate ships none, and names none as default.

    It is code that reads faces: name one whose origin you trust, and whose licence allows what you do. Its file is read
    when the gate starts, and again when a zygote that died is replaced; another file than the one with this digest is
    refused. One input, (1, 3, size, size) float32, and 512 output numbers.

    Attributes:
        path: of the .onnx file, made absolute. It is not part of the policy's digest, the file's digest is.
        sha256: of the file, hex.
        size: edge of the crop that it takes, pixels: 112, 128 or a multiple of one of them.
        template: where the five points of a face are to lie in the crop; ``"arcface"`` is the one known.
        mean: taken off each sample, which is 0 to 255.
        std: what the rest is divided by; 127.5 or 128 for most.
        colour: order of the three planes, ``"rgb"`` or ``"bgr"``.
        output: name of the output that is the embedding; None where there is one only.
        threshold: least cosine of two embeddings of one person, as the model's publisher states it, -1 to 1; needed to
            choose a subject by `Reference` and for nothing else.
        runner: ``"opencv"``, which facegate has, or ``"onnxruntime"``, which is the extra ``facegate[onnx]``.
        licence: what the model may be used for, as its publisher states it: one line, for the people who review the
            policy. facegate does not interpret it.

    Raises:
        PolicyError: one of them is none of these.
    """

    path: str | os.PathLike[str]
    sha256: str
    _: KW_ONLY
    size: int = 112
    template: Literal["arcface"] = "arcface"
    mean: float = 127.5
    std: float = 127.5
    colour: Literal["rgb", "bgr"] = "rgb"
    output: str | None = None
    threshold: float | None = None
    runner: Literal["opencv", "onnxruntime"] = "opencv"
    licence: str = "not stated"

    def __post_init__(self) -> None:
        self._check_file()
        if not _whole(self.size) or not 0 < self.size <= _MOST_SIDE or all(self.size % side for side in _SIDES):
            raise PolicyError("Recognizer.size must be 112, 128 or a multiple of one of them, up to 1024 pixels.")
        for name, value, known in (
            ("template", self.template, ("arcface",)),
            ("colour", self.colour, ("rgb", "bgr")),
            ("runner", self.runner, ("opencv", "onnxruntime")),
        ):
            if value not in known:
                raise PolicyError(f"Recognizer.{name} must be {' or '.join(map(repr, known))}.")
        if not _number(self.mean, 0, 255):
            raise PolicyError("Recognizer.mean must be a number from 0 to 255.")
        if not _number(self.std, 0, 1e6) or not self.std:
            raise PolicyError("Recognizer.std must be a positive number.")
        if self.threshold is not None and not _number(self.threshold, -1, 1):
            raise PolicyError("Recognizer.threshold must be a cosine, -1 to 1, or None.")
        if self.output is not None and not _line(self.output):
            raise PolicyError("Recognizer.output must be the name of an output of the model, or None.")
        if not _line(self.licence):
            raise PolicyError("Recognizer.licence must say in one line what the model may be used for.")

    def _check_file(self) -> None:
        try:
            given = os.fspath(self.path)
            path = str(Path(given).absolute()) if given else ""  # the zygote works in another folder
        except TypeError:
            path = ""
        if not path or "\0" in path or len(os.fsencode(path)) > _MOST_PATH:
            raise PolicyError("Recognizer.path must be the path of an .onnx file.")
        object.__setattr__(self, "path", path)
        if not isinstance(self.sha256, str) or not _SHA256.fullmatch(self.sha256.lower()):
            raise PolicyError("Recognizer.sha256 must be the SHA-256 of the model's file: 64 hexadecimal digits.")
        object.__setattr__(self, "sha256", self.sha256.lower())

    def as_dict(self) -> dict[str, Any]:
        """All of it by name, as the zygote gets it."""
        return asdict(self)

    def rules(self) -> dict[str, Any]:
        """What the policy's digest is of: all but where this host has the file."""
        return {name: value for name, value in self.as_dict().items() if name != "path"}


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object, least: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _line(value: object) -> bool:
    return is_showable(value) and len(str(value)) <= _MOST_TEXT and bool(str(value).strip())
