"""A workbench whose one command carries out a probe, in place of the real one in the same zygote and child."""

from __future__ import annotations

import errno
import importlib.util
import socket
from pathlib import Path
from types import ModuleType
from typing import Any


def load(path: str) -> ModuleType:
    """A probe's file as a module."""
    spec = importlib.util.spec_from_file_location("probe", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def attempt(command: dict[str, Any], descriptors: list[int]) -> str:
    """Carry the act out and say what came of it: "done" or the name of the errno."""
    module = load(command["probe"])
    try:
        module.act(Path(command["scratch"]), command["given"], descriptors)
    except socket.gaierror:
        return "gaierror"
    except MemoryError:
        return "MemoryError"
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


class ProbeBench:
    """`facegate.sandbox.executor.Workbench` for probes."""

    def models(self) -> dict[str, str]:
        """No networks are loaded."""
        return {}

    def warm(self) -> None:
        """Nothing to warm."""

    def begin(self, arena: memoryview) -> None:
        """The arena is not used."""

    def perform(self, command: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """Carry out the probe that the command names."""
        return {"outcome": attempt(command, descriptors)}
