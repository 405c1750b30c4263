"""The channel of core files: the kernel writes a process's memory out when it crashes."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facegate.audit.watchers.base import Observation, UnavailableError, Watcher
from facegate.audit.watchers.file_events import ENDED, UNKNOWN, FileEvents
from facegate.audit.watchers.processes import Processes
from facegate.audit.watchers.scene import Scene

_PATTERN: Final = Path("/proc/sys/kernel/core_pattern")
# Where programs that take core dumps put them.
_HANDLERS: Final = ("/var/lib/systemd/coredump", "/var/crash", "/var/spool/abrt", "/var/lib/apport/coredump")


@dataclass(frozen=True)
class CoreFiles(Watcher):
    """Core files of any process of the request."""

    def arm(self, scene: Scene) -> None:
        scene.instrument(FileEvents)

    def act(self, scene: Scene, phase: str) -> None:
        pattern = _PATTERN.read_text(encoding="utf-8").strip()
        if pattern.startswith("|"):
            raise UnavailableError("a core file: a program takes core dumps here")
        if "/" in pattern:
            raise UnavailableError("a core file of the control's own: core_pattern names a folder for all")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] in {0, 1}:
            raise UnavailableError("a core file: the worker's own hard limit forbids one")
        folder = scene.scratch / scene.mark(self.slug, phase)
        folder.mkdir()
        registered, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(registered, 1)
            _crash(folder)
        # It must be known whose it is while it can still be asked.
        scene.instrument(Processes).look()
        os.write(tell, b"x")
        os.waitpid(pid, 0)
        os.close(registered)
        os.close(tell)

    def undo(self, scene: Scene) -> None:
        for folder in scene.scratch.glob(f"{scene.token}.{self.slug}.*"):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()

    def look(self, scene: Scene) -> Iterator[Observation]:
        files = scene.instrument(FileEvents)
        stem = _PATTERN.read_text(encoding="utf-8").strip().partition("%")[0].rpartition("/")[2] or "core"
        for event in list(files.events):
            name = Path(event.path).name
            if event.path.startswith(_HANDLERS) or name == stem or name.startswith(f"{stem}."):
                if files.unknown(event):
                    raise UnavailableError(f"to know whose core {event.path} is: {UNKNOWN}")
                if event.control or event.who != ENDED:
                    yield Observation(f"{event.path} {event.kind}", event.who, event.control)
        files.check()


def _crash(folder: Path) -> None:
    """In a fork: dump as little as there is to dump."""
    try:
        os.chdir(folder)
        with suppress(OSError):
            Path("/proc/self/coredump_filter").write_text("0", encoding="ascii")
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGABRT)
    finally:
        os._exit(1)


def table() -> tuple[Watcher, ...]:
    """The one channel."""
    return (
        CoreFiles(
            "core files",
            "fanotify: files named as core_pattern says, and the folders of crash handlers",
            "a fork of the worker crashes, with next to no memory to dump",
        ),
    )
