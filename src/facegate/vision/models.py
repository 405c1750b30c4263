"""Load the shipped networks, refusing any whose bytes are not the ones in ``models.toml``. Child side only."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from facegate.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Model:
    """One row of ``models.toml``.

    Attributes:
        name: file name below ``vision/weights``.
        version: release of the package that it was taken from.
        license: SPDX identifier.
        sha256: digest of the file, lower-case hex.
        input: input shape; NHWC of a .tflite, NCHW of an .onnx.
    """

    name: str
    version: str
    license: str
    sha256: str
    input: tuple[int, ...]


@functools.cache
def table() -> dict[str, Model]:
    """The rows of ``models.toml`` by name without suffix, e.g. ``face_landmark``."""
    text = resources.files(__package__).joinpath("models.toml").read_text(encoding="utf-8")
    rows: dict[str, dict[str, Any]] = tomllib.loads(text)["models"]
    return {
        Path(name).stem: Model(name, row["version"], row["license"], row["sha256"], tuple(row["input"]))
        for name, row in rows.items()
    }


def weights(name: str) -> bytes:
    """The bytes of one network, after its digest has been checked.

    Args:
        name: key of `table`, e.g. ``"face_landmark"``.

    Raises:
        AnalysisError: the file is missing or is not the one that was shipped.
    """
    model = table()[name]
    try:
        data = resources.files(__package__).joinpath("weights", model.name).read_bytes()
    except FileNotFoundError:
        raise AnalysisError(f"The model {model.name} is missing from this installation.") from None
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise AnalysisError(f"The model {model.name} is not the one that facegate was built with; refusing it.")
    return data
