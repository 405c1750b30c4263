"""Tells, of what the watchers saw of somebody's own code, what is facial, and says it with file and line."""

from __future__ import annotations

import ast
import fnmatch
import inspect
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from facegate.audit.channels import Channel
from facegate.audit.exposed import Exposed
from facegate.audit.watchers.base import Observation

FILES: Final = ("files: ", "files created", "files written", "files renamed", "Python opens to write")
WORDS: Final = ("log records", "warnings", "printed to sys.stdout", "printed to sys.stderr")
PICKLES: Final = ("pickles", "pickling to a file object", "multiprocessing")
KEPT: Final = (
    "arrays in module globals",
    "arrays kept elsewhere",
    "buffers kept",
    "lists of numbers kept",
    "exceptions kept",
)
OTHER: Final = ("name lookups", "Python's connections")
# Descriptors 1 and 2, which in a test are its runner's.
STREAMS: Final = ("standard output", "standard error")
ENVIRONMENT: Final = "worker: environment"
_SMALLEST_CROP: Final = 16
_MOST_READ: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Allowed:
    """What code may do all the same.

    Attributes:
        files: patterns of paths that it may write, as `fnmatch` takes them, or of their last part.
        kept: patterns of what may be kept, such as ``pipeline.WEIGHTS*``.
        residue: whether memory is searched for what was exposed.
    """

    files: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    residue: bool = True


class Judge:
    """Tells what is facial from what is not."""

    def __init__(self, exposed: Exposed, allowed: Allowed, root: Path, open_before: frozenset[int]) -> None:
        self._exposed = exposed
        self._allowed = allowed
        self._root = root
        self._open_before = open_before

    def concerns(self, value: object) -> bool:
        """Whether what is kept may be facial."""
        return bool(self._facial_part(value) or _like_a_crop("arrays in module globals", value))

    def _facial_part(self, value: object) -> str:
        if isinstance(value, BaseException):
            return self._exposed.found_in(value.args) or self._in_frames(value)
        return self._exposed.found_in(value)

    def leaks(self, channels: Sequence[Channel]) -> list[str]:
        """One sentence for each leak, each told once."""
        found: dict[str, None] = {}
        written: dict[Path, str] = {}
        for channel in channels:
            for each in channel.findings:
                if channel.name.startswith(FILES):
                    self._note_file(written, each)
                elif channel.name in OTHER:
                    found[f"{self._place(each.where)}: {each.what} ({channel.name})"] = None
                elif sentence := self._facial(channel.name, each):
                    found[sentence] = None
        for path, where in written.items():
            found[self._of_file(path, where)] = None
        return list(found)

    def files(self, channel: Channel) -> list[str]:
        """One sentence for each file or folder that a channel tells of and that was not allowed."""
        written: dict[Path, str] = {}
        for each in channel.findings:
            self._note_file(written, each, folders=True)
        return [self._of_file(path, where) for path, where in written.items()]

    def _note_file(self, written: dict[Path, str], each: Observation, *, folders: bool = False) -> None:
        path = Path(str(each.value)).absolute()
        patterns = self._allowed.files
        if any(fnmatch.fnmatch(str(path), pattern) or fnmatch.fnmatch(path.name, pattern) for pattern in patterns):
            return
        if path.suffix == ".pyc" or (path.is_dir() and not folders):
            return
        # A file without a name, which the kernel calls after its inode: the test runner's, if it was open before.
        if path.name.startswith("#") and path.name[1:].isdigit() and int(path.name[1:]) in self._open_before:
            return
        # A line of code says more than a process.
        if path not in written or ":" in each.where:
            written[path] = each.where

    def _of_file(self, path: Path, where: str) -> str:
        held = ""
        try:
            if path.is_file() and path.stat().st_size <= _MOST_READ:
                held = self._held(path)
        except OSError:
            held = ""  # gone again, or not ours to read; it was written all the same
        shown = self._short(str(path))
        return f"{self._place(where)}: file written: {shown}{f', which holds {held}' if held else ''}"

    def _held(self, path: Path) -> str:
        data = path.read_bytes()
        return self._exposed.found_in(data) or self._exposed.found_in(data.decode("utf-8", errors="replace"))

    def _facial(self, channel: str, each: Observation) -> str:
        what = self._facial_part(each.value)
        if channel in KEPT:
            if any(fnmatch.fnmatch(each.where, pattern) for pattern in self._allowed.kept):
                return ""
            what = what or _like_a_crop(channel, each.value)
            name, at = _defined(each.where)
            return what and f"{self._place(at)}: {name} keeps {what} after the request ({each.what})"
        kinds = {"log records": "logged", "warnings": "in a warning", ENVIRONMENT: f"in {each.what}"}
        how = kinds.get(channel, "printed" if channel in (*WORDS, *STREAMS) else "pickled")
        return what and f"{self._place(each.where)}: {what} {how}"

    def _in_frames(self, error: BaseException) -> str:
        step = error.__traceback__
        while step is not None:
            if found := self._exposed.found_in(dict(step.tb_frame.f_locals)):
                return f"{found} (a variable of {step.tb_frame.f_code.co_qualname})"
            step = step.tb_next
        return ""

    def _place(self, where: str) -> str:
        return self._short(where) or "somewhere"

    def _short(self, path: str) -> str:
        try:
            return str(Path(path).relative_to(self._root))
        except ValueError:
            return path


def open_files() -> frozenset[int]:
    """Inodes that this process has open."""
    found = set()
    for each in os.listdir("/proc/self/fd"):
        try:
            found.add(os.fstat(int(each)).st_ino)
        except OSError:
            continue  # the listing's own
    return frozenset(found)


def _like_a_crop(channel: str, value: object) -> str:
    """Pictures that a module keeps: whoever decodes the upload itself cuts faces out of what facegate never saw."""
    if channel != "arrays in module globals" or not isinstance(value, np.ndarray):
        return ""
    if value.ndim != 3 or value.shape[2] not in {1, 3, 4} or min(value.shape[:2]) < _SMALLEST_CROP:
        return ""
    return "what may be a crop"


def _defined(holder: str) -> tuple[str, str]:
    """What keeps something, and file and line: of a module's global where it is defined, of a frame where it is now."""
    if running := re.fullmatch(r"(a variable of .*) \((.*:\d+)\)", holder):
        return running[1], running[2]
    parts = holder.partition("[")[0].split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:length]))
        if module is None:
            continue
        try:
            body = ast.parse(inspect.getsource(module)).body
        except (OSError, TypeError, SyntaxError):
            return holder, str(module.__file__)
        for node in body:
            if parts[length] in _names(node):
                return holder, f"{module.__file__}:{node.lineno}"
        return holder, str(module.__file__)
    return holder, ""


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {each.id for each in targets if isinstance(each, ast.Name)}
