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

from facegate.audit.watchers.base import Observation, UnavailableError, Watcher
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

    def __init__(self, below: TextIO, heard: Callable[[str], bool]) -> None:
        self._below = below
        self._heard = heard

    def write(self, text: str) -> int:
        """Pass the text on, if whoever hears it says so."""
        return self._below.write(text) if self._heard(text) else len(text)

    def flush(self) -> None:
        """Pass it on."""
        self._below.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class Streams:
    """Stands before sys.stdout and sys.stderr, whatever they are by now, and passes on what is not a control's."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.heard: dict[str, list[Observation]] = {"stdout": [], "stderr": []}
        self._below = {name: getattr(sys, name) for name in self.heard}
        for name, below in self._below.items():
            if below is not None:
                setattr(sys, name, _Tee(below, lambda text, name=name: self._hear(name, text)))  # type: ignore[misc]

    def _hear(self, name: str, text: str) -> bool:
        control = self._scene.marked(text)
        heard = self.heard[name]
        where = callsite()
        if heard and not control and (heard[-1].where, heard[-1].control) == (where, ""):
            # print() writes its arguments one by one.
            heard[-1] = Observation("text printed", where, "", f"{heard[-1].value}{text}")
        elif text.strip():
            heard.append(Observation("text printed", where, control, text))
        return not control

    def settle(self) -> None:
        """Text is heard when it is written."""

    def close(self) -> None:
        """Put both back, unless somebody has put others there."""
        for name, below in self._below.items():
            if isinstance(getattr(sys, name), _Tee):
                setattr(sys, name, below)


@dataclass(frozen=True)
class Printed(Watcher):
    """What Python writes to sys.stdout or sys.stderr.

    Attributes:
        stream: "stdout" or "stderr".
    """

    stream: str

    def arm(self, scene: Scene) -> None:
        scene.instrument(Streams)
        if getattr(sys, self.stream) is None:
            raise UnavailableError(f"sys.{self.stream}, which is closed")

    def act(self, scene: Scene, phase: str) -> None:
        getattr(sys, self.stream).write(f"{scene.mark(self.slug, phase)}\n")

    def look(self, scene: Scene) -> Iterator[Observation]:
        yield from list(scene.instrument(Streams).heard[self.stream])


class Descriptors:
    """Takes what goes to descriptors 1 and 2, whoever writes it; at the end it passes on what was not the controls'."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._kept: dict[int, tuple[int, int]] = {}
        self.settle()
        for number in (1, 2):
            file = os.memfd_create("facegate-watch-output", os.MFD_CLOEXEC)
            saved = os.dup(number)
            os.dup2(file, number)
            self._kept[number] = saved, file
            scene.own_descriptors |= {saved, file, number}

    def taken(self, number: int) -> bytes:
        """What went there so far."""
        return os.pread(self._kept[number][1], _MOST_SHOWN, 0)

    def settle(self) -> None:
        """Have Python write out what it holds back."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()

    def close(self) -> None:
        """Give both back."""
        self.settle()
        for number, (saved, file) in self._kept.items():
            size = os.fstat(file).st_size
            lines = os.pread(file, size, 0).splitlines(keepends=True)
            os.dup2(saved, number)
            passed = b"".join(line for line in lines if self._scene.token.encode() not in line)
            while passed:
                passed = passed[os.write(number, passed) :]
            os.close(saved)
            os.close(file)
        self._kept.clear()


@dataclass(frozen=True)
class Output(Watcher):
    """Standard output or standard error of the worker, native code included.

    Attributes:
        number: of the descriptor.
    """

    number: int

    def arm(self, scene: Scene) -> None:
        scene.instrument(Descriptors)

    def act(self, scene: Scene, phase: str) -> None:
        os.write(self.number, f"{scene.mark(self.slug, phase)}\n".encode())

    def look(self, scene: Scene) -> Iterator[Observation]:
        for line in scene.instrument(Descriptors).taken(self.number).decode(errors="replace").splitlines():
            if (control := scene.marked(line)) or scene.token not in line:
                yield Observation(f"text on descriptor {self.number}", "worker", control, line)


def table() -> tuple[Watcher, ...]:
    """Channels of words."""
    return (
        Logged("log records", "the factory of all records", "a record is made, and handed to nobody"),
        Warnings("warnings", "warnings.showwarning", "a warning is shown to nobody"),
        Printed("printed to sys.stdout", "a file object before it", "a line is written, and not passed on", "stdout"),
        Printed("printed to sys.stderr", "a file object before it", "a line is written, and not passed on", "stderr"),
        Output("standard output", "its descriptor leads to a file in memory meanwhile", "a line is written", 1),
        Output("standard error", "its descriptor leads to a file in memory meanwhile", "a line is written", 2),
    )
