"""What happens to files while the workload runs, by whom."""

from __future__ import annotations

import itertools
import os
import select
import stat
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import facegate
from facegate.audit.watchers.base import UnavailableError
from facegate.audit.watchers.fanotify import ATTRIB, CREATE, DELETE, MODIFY, MOVED, Fanotify
from facegate.audit.watchers.inotify import Inotify
from facegate.audit.watchers.processes import Processes
from facegate.audit.watchers.scene import PREFIX, Scene

_SETTLE_SECONDS: Final = 10.0
# Who did something where that cannot be told: inotify does not say, and with fanotify a process may have ended before
# anybody could ask whose it was.
UNKNOWN: Final = "a process that cannot be told from those of others"
ENDED: Final = "a process that ended at once"


@dataclass(frozen=True, slots=True)
class FileEvent:
    """One thing that happened to one name.

    Attributes:
        kind: "created", "directory", "symlink", "hard link", "special", "written", "truncated", "renamed",
            "attribute" or "removed".
        path: of the name.
        who: role and number of the process, `UNKNOWN` or `ENDED`.
        control: whose control, as ``slug.phase``.
    """

    kind: str
    path: str
    who: str
    control: str


def places() -> dict[str, Path]:
    """The folders in which traces are usually left, by the name of their channel."""
    return {
        "working folder": Path.cwd(),
        "home": Path.home(),
        "temporary folder (TMPDIR)": Path(tempfile.gettempdir()),
        "/tmp": Path("/tmp"),
        "/var/tmp": Path("/var/tmp"),
        "/dev/shm": Path("/dev/shm"),
        "/run": Path("/run"),
        "/var/log": Path("/var/log"),
        "package folder": Path(facegate.__file__).parent,
    }


class FileEvents:
    """Listens until it is closed. Events of processes outside this one's tree are dropped.

    Attributes:
        events: what happened, without repetitions.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._processes = scene.instrument(Processes)
        self._backend: Fanotify | Inotify
        try:
            self._backend = Fanotify()
        except UnavailableError as error:
            self.why_not_everywhere = str(error)
            self._backend = Inotify([scene.scratch, *places().values()])
        else:
            self.why_not_everywhere = ""
        scene.own_descriptors.add(self._backend.descriptor)
        self.events: dict[FileEvent, None] = {}
        self._failure = ""
        self._foreign: set[int] = set()
        self._serial = itertools.count()
        self._sentinels: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="facegate-watch-files", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting = select.poll()
        waiting.register(self._backend.descriptor, select.POLLIN)
        while not self._stop.is_set():
            if waiting.poll(50):
                try:
                    self._take()
                except UnavailableError as error:
                    self._failure = str(error)
                    return

    def _take(self) -> None:
        for mask, path, pid in self._backend.read():
            who = self._guessed(path) if pid is None else self._asked(pid)
            if not who:
                continue
            if PREFIX in path and self._scene.token in Path(path).name and "sentinel" in path:
                self._sentinels.add(path)
                continue
            control = self._scene.marked(path)
            if not control and PREFIX in path:
                continue  # the watchers' own, scratch folder and sentinels, or those of another run on this host
            if not control and not self._scene.working:
                continue
            for kind in _kinds(mask, path):
                self.events[FileEvent(kind, path, who, control)] = None

    def _asked(self, pid: int) -> str:
        if pid in self._foreign and pid not in self._processes.seen:
            return ""
        ours = self._processes.ours(pid)
        if ours:
            process = self._processes.seen.get(pid)
            return str(process) if process is not None else f"process {pid}"
        if ours is None:
            return ENDED
        self._foreign.add(pid)
        return ""

    def _guessed(self, path: str) -> str:
        """Inotify does not say who; what is another user's was not this process's tree."""
        try:
            mine = os.lstat(path).st_uid == os.geteuid()
        except OSError:
            mine = True
        return UNKNOWN if mine else ""

    def unknown(self, event: FileEvent) -> bool:
        """Whether the workload may have done it or not.

        A process of which nobody knows anything any more was not below this one if this one has waited for none: it
        would still be there, dead, and have been seen.
        """
        return not event.control and (event.who == UNKNOWN or (event.who == ENDED and self._scene.reaped))

    def everywhere(self) -> None:
        """Raise unless every folder of the host is watched.

        Raises:
            UnavailableError: some are not.
        """
        if self.why_not_everywhere:
            raise UnavailableError(f"other folders: {self.why_not_everywhere}")

    def check(self) -> None:
        """Raise if events were lost.

        Raises:
            UnavailableError: they were.
        """
        if self._failure:
            raise UnavailableError(self._failure)

    def settle(self) -> None:
        """Do something to a file and wait until it is seen: then everything before it was seen, too."""
        sentinel = self._scene.scratch / f"{self._scene.token}-sentinel-{next(self._serial)}"
        sentinel.touch()
        end = time.monotonic() + _SETTLE_SECONDS
        while str(sentinel) not in self._sentinels and not self._failure:
            if time.monotonic() > end:
                self._failure = "the watcher of files fell behind"
            time.sleep(0.002)
        sentinel.unlink()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join()
        self._backend.close()


def bytecode_of_an_import(path: str) -> bool:
    """Whether it is the compiled form of a module that this process has imported, or the file that becomes it."""
    stem, compiled, rest = path.partition(".pyc")
    if not compiled or (rest and not rest[1:].isdigit()):
        return False
    return stem + ".pyc" in {
        getattr(getattr(module, "__spec__", None), "cached", None) for module in tuple(sys.modules.values())
    }


def _kinds(mask: int, path: str) -> list[str]:
    try:
        status: os.stat_result | None = os.lstat(path)
    except OSError:
        status = None
    kinds = []
    if mask & CREATE:
        kinds.append(_made(status))
    # A device or FIFO keeps nothing; what goes to terminals and logs has channels of its own.
    if mask & MODIFY and (status is None or stat.S_ISREG(status.st_mode)):
        kinds.append("truncated" if status is not None and status.st_size == 0 else "written")
    if mask & MOVED:
        kinds.append("renamed")
    if mask & ATTRIB:
        kinds.append("attribute")
    if mask & DELETE:
        kinds.append("removed")
    return kinds


def _made(status: os.stat_result | None) -> str:
    if status is None or stat.S_ISREG(status.st_mode):
        return "hard link" if status is not None and status.st_nlink > 1 else "created"
    if stat.S_ISDIR(status.st_mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(status.st_mode) else "special"
