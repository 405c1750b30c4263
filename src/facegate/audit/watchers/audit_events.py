"""What Python says about itself: audit events of the worker, with the line of code that caused them."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from facegate.audit.watchers.base import Observation, Watcher
from facegate.audit.watchers.callsite import callsite
from facegate.audit.watchers.scene import Scene

Hearer = Callable[[str, tuple[Any, ...]], None]

# A hook of the interpreter can never be taken away, so there is one, made with the first run, that asks who listens.
_hearers: list[Hearer] = []
_installed = False
_guard: Final = threading.Lock()
_busy: Final = threading.local()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _hearers or event not in _WANTED or getattr(_busy, "now", False):
        return
    _busy.now = True  # what a hearer does itself raises events
    try:
        for hearer in tuple(_hearers):
            hearer(event, arguments)
    finally:
        _busy.now = False


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event.

    Attributes:
        name: of the event.
        what: what it was about, in words without content.
        where: file and line.
        control: whose control it was, as ``slug.phase``.
    """

    name: str
    what: str
    where: str
    control: str


class AuditEvents:
    """Takes down the events of this process.

    Attributes:
        events: those that some channel is about, without repetitions.
        sites: which line last opened a file for writing, by path.
    """

    def __init__(self, scene: Scene) -> None:
        global _installed  # noqa: PLW0603 (a hook is the interpreter's, and for ever)
        self._scene = scene
        self.events: dict[Event, None] = {}
        self.sites: dict[str, str] = {}
        with _guard:
            if not _installed:
                sys.addaudithook(_hook)
                _installed = True
        self._hear: Hearer = self._take
        _hearers.append(self._hear)

    def _take(self, event: str, arguments: tuple[Any, ...]) -> None:
        what = _WANTED[event](arguments)
        if what is None or threading.current_thread().name.startswith("facegate-watch"):
            return
        where = callsite()
        if event == "open" and self._scene.token not in what:
            self.sites[str(Path(what).absolute())] = where
        self.events[Event(event, what, where, self._scene.actor)] = None

    def settle(self) -> None:
        """Nothing to wait for: a hook runs in the thread that acts."""

    def close(self) -> None:
        """Listen no more."""
        if self._hear in _hearers:
            _hearers.remove(self._hear)


def _opened(arguments: tuple[Any, ...]) -> str | None:
    path, mode, flags = arguments
    changes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    writes = isinstance(mode, str) and set(mode) & set("wax+")
    if isinstance(path, int) or not (changes or writes) or path == os.devnull:
        return None
    return os.fsdecode(path)


def _started(arguments: tuple[Any, ...]) -> str | None:
    program, command = arguments[0], arguments[1] if len(arguments) > 1 else ()
    words = [os.fsdecode(each) for each in command] if isinstance(command, (list, tuple)) else []
    if "facegate.sandbox.zygote" in words or any(word.startswith("facegate.audit.acts") for word in words):
        return None
    return os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else "a program"


def _family(arguments: tuple[Any, ...]) -> str | None:
    family = int(arguments[1])
    return None if family == socket.AF_UNIX else f"socket of family {family}"


def _address(arguments: tuple[Any, ...]) -> str | None:
    address = arguments[1] if len(arguments) > 1 else ""
    if isinstance(address, (str, bytes)):
        return os.fsdecode(address)
    return str(address) if address else None


def _named(word: str) -> Callable[[tuple[Any, ...]], str | None]:
    return lambda _: word


_FILE_ACTS: Final = (
    "os.rename",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.mkdir",
    "os.chmod",
    "os.setxattr",
    "os.utime",
)
_COPIES: Final = ("shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.make_archive", "shutil.rmtree")
_TEMPORARY: Final = ("tempfile.mkstemp", "tempfile.mkdtemp")
_CONNECTS: Final = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
_LOOKUPS: Final = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_FORKS: Final = ("os.fork", "os.forkpty")
_PROGRAMS: Final = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn")
_REQUESTS: Final = ("urllib.Request", "http.client.connect", "ftplib.connect", "smtplib.connect", "imaplib.open")

_WANTED: Final[dict[str, Callable[[tuple[Any, ...]], str | None]]] = {
    "open": _opened,
    # By descriptor: what that leads to was opened before, or is no file.
    **dict.fromkeys(_FILE_ACTS, lambda arguments: os.fsdecode(arguments[0]) if _is_path(arguments[0]) else None),
    **dict.fromkeys(_COPIES, lambda arguments: os.fsdecode(arguments[0]) if _is_path(arguments[0]) else "a file"),
    **dict.fromkeys(_TEMPORARY, lambda arguments: os.fsdecode(arguments[0])),
    "socket.__new__": _family,
    **dict.fromkeys(_CONNECTS, _address),
    **dict.fromkeys(_LOOKUPS, lambda arguments: str(arguments[0])),
    **dict.fromkeys(_FORKS, _named("a fork of the worker")),
    **dict.fromkeys(_PROGRAMS, _started),
    **dict.fromkeys(_REQUESTS, _named("a request to a server")),
    "sqlite3.connect": lambda arguments: os.fsdecode(arguments[0]) if _is_path(arguments[0]) else "a database",
    "marshal.dumps": _named("an object marshalled"),
    "pickle.find_class": lambda arguments: f"{arguments[0]}.{arguments[1]}",
    "syslog.syslog": _named("a message to the system log"),
    "syslog.openlog": _named("the system log opened"),
}


def _is_path(value: object) -> bool:
    return isinstance(value, (str, bytes, os.PathLike))


@dataclass(frozen=True)
class Audited(Watcher):
    """Audit events of some names.

    Attributes:
        events: their names.
        do: raises one of them without harm.
        wanted: whether what an event is about concerns this channel.
    """

    events: tuple[str, ...]
    do: Callable[[Path], None]
    wanted: Callable[[str], bool] = lambda _: True

    def arm(self, scene: Scene) -> None:
        scene.instrument(AuditEvents)

    def act(self, scene: Scene, phase: str) -> None:
        self.do(scene.scratch / scene.mark(self.slug, phase))

    def look(self, scene: Scene) -> Iterator[Observation]:
        for event in list(scene.instrument(AuditEvents).events):
            if event.name in self.events and self.wanted(event.what):
                yield Observation(f"{event.name}: {event.what}", event.where, event.control, event.what)
