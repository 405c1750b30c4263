"""Channels of words: logging, warnings, standard output and error, unraisable and kept exceptions."""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TextIO

from facegate.audit.watchers.base import Observation, Watcher
from facegate.audit.watchers.callsite import callsite
from facegate.audit.watchers.scene import Scene

_MOST_SHOWN: Final = 1 << 20


class Logging:
    """Sees every record that any logger makes, whatever its handlers and whether it propagates."""

    def __init__(self, scene: Scene) -> None:
        self.records: list[Observation] = []
        self._original = original = logging.getLogRecordFactory()

        def factory(*arguments: Any, **options: Any) -> logging.LogRecord:
            record = original(*arguments, **options)
            said = _message(record)
            self.records.append(
                Observation(f"logger {record.name}", f"{record.pathname}:{record.lineno}", scene.actor, said)
            )
            return record

        logging.setLogRecordFactory(factory)

    def settle(self) -> None:
        """Records are seen when they are made."""

    def close(self) -> None:
        """Put the factory back."""
        logging.setLogRecordFactory(self._original)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"  # logging itself reports the mistake when it formats


@dataclass(frozen=True)
class Logged(Watcher):
    """Records of the logging module."""

    def arm(self, scene: Scene) -> None:
        scene.instrument(Logging)

    def act(self, scene: Scene, phase: str) -> None:
        # Made, and handed to nobody.
        logging.getLogger("facegate.control").makeRecord(
            "facegate.control", logging.CRITICAL, __file__, 0, scene.mark(self.slug, phase), (), None
        )

    def look(self, scene: Scene) -> Iterator[Observation]:
        yield from list(scene.instrument(Logging).records)


class Warned:
    """Sees every warning that is shown."""

    def __init__(self, scene: Scene) -> None:
        self.seen: list[Observation] = []
        self._original = original = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
            self.seen.append(Observation(category.__name__, f"{filename}:{lineno}", scene.actor, str(message)))
            if not scene.actor:
                original(message, category, filename, lineno, *rest)

        self._show = show
        setattr(warnings, "showwarning", show)

    def settle(self) -> None:
        """Warnings are seen when they are shown."""

    def close(self) -> None:
        """Put the function back, unless somebody has put another there."""
        if warnings.showwarning is self._show:
            warnings.showwarning = self._original


@dataclass(frozen=True)
class Warnings(Watcher):
    """The warnings module."""

    def arm(self, scene: Scene) -> None:
        scene.instrument(Warned)

    def act(self, scene: Scene, phase: str) -> None:
        filters = warnings.filters[:]
        try:
            warnings.simplefilter("always")
            warnings.warn(scene.mark(self.slug, phase), UserWarning, stacklevel=1)
        finally:
            warnings.filters[:] = filters  # type: ignore[index]

    def look(self, scene: Scene) -> Iterator[Observation]:
        yield from list(scene.instrument(Warned).seen)


class _Tee(io.TextIOBase):
    """Writes on, and remembers who wrote."""

    def __init__(self, below: TextIO, heard: Callable[[str], None]) -> None:
        self._below = below
        self._heard = heard

    def write(self, text: str) -> int:
        """Pass the text on."""
        self._heard(text)
        return self._below.write(text)

    def flush(self) -> None:
        """Pass it on."""
        self._below.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class Outputs:
    """Takes standard output and error, Python's and the descriptors; at the end it passes on what it took."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.heard: dict[str, list[Observation]] = {"stdout": [], "stderr": []}
        self._python = {name: getattr(sys, name) for name in self.heard}
        self._kept: dict[int, tuple[int, int]] = {}
        for name in self.heard:
            self._flush(name)
        for number, name in ((1, "stdout"), (2, "stderr")):
            file = os.memfd_create(f"facegate-watch-{name}", os.MFD_CLOEXEC)
            saved = os.dup(number)
            os.dup2(file, number)
            self._kept[number] = saved, file
            scene.own_descriptors |= {saved, file, number}
        for name, below in self._python.items():
            if below is not None:
                setattr(sys, name, _Tee(below, lambda text, name=name: self._hear(name, text)))  # type: ignore[misc]

    def _flush(self, name: str) -> None:
        stream = getattr(sys, name)
        if stream is not None:
            stream.flush()

    def _hear(self, name: str, text: str) -> None:
        if text.strip():
            self.heard[name].append(Observation(f"text on {name}", callsite(), self._scene.actor, text))

    def taken(self, name: str) -> bytes:
        """What went to the descriptor, whoever wrote it."""
        self._flush(name)
        _, file = self._kept[{"stdout": 1, "stderr": 2}[name]]
        return os.pread(file, _MOST_SHOWN, 0)

    def settle(self) -> None:
        """Flush."""
        for name in self.heard:
            self._flush(name)

    def close(self) -> None:
        """Give both back, and pass on what was not the controls'."""
        self.settle()
        for name, below in self._python.items():
            if isinstance(getattr(sys, name), _Tee):
                setattr(sys, name, below)
        for number, (saved, file) in self._kept.items():
            size = os.fstat(file).st_size
            lines = os.pread(file, size, 0).splitlines(keepends=True)
            os.dup2(saved, number)
            passed = b"".join(line for line in lines if self._scene.token.encode() not in line)
            if passed:
                os.write(number, passed)
            os.close(saved)
            os.close(file)
        self._kept.clear()


@dataclass(frozen=True)
class Output(Watcher):
    """Standard output or standard error of the worker.

    Attributes:
        stream: "stdout" or "stderr".
    """

    stream: str

    def arm(self, scene: Scene) -> None:
        scene.instrument(Outputs)

    def act(self, scene: Scene, phase: str) -> None:
        os.write({"stdout": 1, "stderr": 2}[self.stream], f"{scene.mark(self.slug, phase)}\n".encode())

    def look(self, scene: Scene) -> Iterator[Observation]:
        outputs = scene.instrument(Outputs)
        taken = outputs.taken(self.stream).decode(errors="replace")
        yield from list(outputs.heard[self.stream])
        for line in taken.splitlines():
            if (control := scene.marked(line)) or scene.token not in line:
                yield Observation(f"text on descriptor {self.stream}", "worker", control, line)


def table() -> tuple[Watcher, ...]:
    """Channels of words."""
    descriptor = "sys.{0} and its descriptor lead to a file in memory meanwhile"
    return (
        Logged("log records", "the factory of all records", "a record is made, and handed to nobody"),
        Warnings("warnings", "warnings.showwarning", "a warning is shown to nobody"),
        Output("standard output", descriptor.format("stdout"), "a line is written", "stdout"),
        Output("standard error", descriptor.format("stderr"), "a line is written", "stderr"),
    )
