"""Channels of files: by the place where something changes, and by what is done to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facegate.audit.watchers.audit_events import AuditEvents
from facegate.audit.watchers.base import AbsentError, Observation, UnavailableError, Watcher
from facegate.audit.watchers.file_events import ENDED, UNKNOWN, FileEvent, FileEvents, bytecode_of_an_import, places
from facegate.audit.watchers.scene import Scene

_HOW = "fanotify on every writable file system, events of the worker's process tree; else inotify"


def _observations(scene: Scene, wanted: Callable[[FileEvent], bool]) -> Iterator[Observation]:
    files = scene.instrument(FileEvents)
    sites = scene.instrument(AuditEvents).sites
    unknown = []
    for event in list(files.events):
        if not wanted(event) or bytecode_of_an_import(event.path):
            continue
        if event.path not in sites and files.unknown(event):
            unknown.append(event.path)
        elif event.path in sites or event.control or event.who != ENDED:
            where = sites.get(event.path, event.who)
            yield Observation(f"{event.path} {event.kind}", where, event.control, Path(event.path))
    files.check()
    if unknown:
        raise UnavailableError(f"to know who changed {unknown[0]}: {UNKNOWN}")


@dataclass(frozen=True)
class _Files(Watcher):
    def arm(self, scene: Scene) -> None:
        scene.instrument(AuditEvents)
        scene.instrument(FileEvents)

    def undo(self, scene: Scene) -> None:
        for path in scene.notes.pop(self.slug, []):
            with suppress(FileNotFoundError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def _made(self, scene: Scene, path: Path) -> Path:
        scene.notes.setdefault(self.slug, []).append(path)
        return path


@dataclass(frozen=True)
class Place(_Files):
    """A folder and all below it.

    Attributes:
        key: of `file_events.places`.
    """

    key: str

    def act(self, scene: Scene, phase: str) -> None:
        folder = places()[self.key]
        if not folder.is_dir():
            raise AbsentError(f"{self.key}, which is not there")
        self._made(scene, folder / scene.mark(self.slug, phase)).write_bytes(b"control")

    def look(self, scene: Scene) -> Iterator[Observation]:
        folder = places()[self.key]
        return _observations(scene, lambda event: Path(event.path).is_relative_to(folder))


@dataclass(frozen=True)
class Bytecode(_Files):
    """Folders of compiled modules, where nobody looks."""

    def act(self, scene: Scene, phase: str) -> None:
        folder = self._made(scene, scene.scratch / "__pycache__")
        folder.mkdir(exist_ok=True)
        scene.notes[self.slug].insert(0, folder / scene.mark(self.slug, phase))
        scene.notes[self.slug][0].write_bytes(b"control")

    def look(self, scene: Scene) -> Iterator[Observation]:
        return _observations(scene, lambda event: "__pycache__" in Path(event.path).parts)


@dataclass(frozen=True)
class Elsewhere(_Files):
    """Every folder that is none of the usual places."""

    def act(self, scene: Scene, phase: str) -> None:
        scene.instrument(FileEvents).everywhere()
        self._made(scene, _uncommon() / scene.mark(self.slug, phase)).write_bytes(b"control")

    def look(self, scene: Scene) -> Iterator[Observation]:
        known = list(places().values())
        yield from _observations(scene, lambda event: not any(Path(event.path).is_relative_to(each) for each in known))
        scene.instrument(FileEvents).everywhere()


def _uncommon() -> Path:
    """A folder that may be written to and that is none of the usual places."""
    known = list(places().values())
    for folder in map(Path, ("/opt", "/srv", "/var/lib", "/var/cache", "/var", "/")):
        if os.access(folder, os.W_OK) and not any(folder.is_relative_to(each) for each in known):
            return folder
    raise AbsentError("a folder outside the usual places that may be written to")


@dataclass(frozen=True)
class Deed(_Files):
    """One thing that can be done to a file, anywhere.

    Attributes:
        kind: of the events.
        do: does it to a path, which is free, or holds a file of seven bytes where `prepared`.
        prepared: whether the file is made beforehand.
    """

    kind: str
    do: Callable[[Path], None]
    prepared: bool = True

    def act(self, scene: Scene, phase: str) -> None:
        path = self._made(scene, scene.scratch / scene.mark(self.slug, phase))
        if self.prepared:
            path.write_bytes(b"control")
            scene.settle()
        self.do(path)
        # What it is now, the kind of event, is looked up when the event is read.
        scene.settle()

    def look(self, scene: Scene) -> Iterator[Observation]:
        return _observations(scene, lambda event: event.kind == self.kind)


def _rename(path: Path) -> None:
    aside = path.with_name(path.name + ".aside")
    path.rename(aside).rename(path)


def _hard_link(path: Path) -> None:
    source = path.parent / "source"
    source.touch()
    path.hardlink_to(source)


def _attribute(path: Path) -> None:
    try:
        os.setxattr(path, "user.facegate", b"control")
    except OSError:
        path.chmod(0o640)  # tmpfs before 6.6 takes no attributes of users; the event is the same


def table() -> tuple[Watcher, ...]:
    """Channels of files."""
    makes = "a file is made there and removed"
    return (
        *(Place(f"files: {key}", _HOW, makes, key) for key in places()),
        Bytecode("files: __pycache__", _HOW, makes),
        Elsewhere("files: anywhere else", "fanotify on every writable file system", makes),
        Deed("files created", _HOW, "an empty file is made", "created", lambda path: path.touch(), prepared=False),
        Deed("files written", _HOW, "a file is written to", "written", _store),
        Deed("files truncated", _HOW, "a file is cut to nothing", "truncated", lambda path: os.truncate(path, 0)),
        Deed("files renamed", _HOW, "a file is renamed", "renamed", _rename),
        Deed("files removed", _HOW, "a file is removed", "removed", lambda path: path.unlink()),
        Deed("hard links", _HOW, "a file gets a second name", "hard link", _hard_link, prepared=False),
        Deed("symbolic links", _HOW, "a link is made", "symlink", lambda path: path.symlink_to("/"), prepared=False),
        Deed("folders", _HOW, "a folder is made", "directory", lambda path: path.mkdir(), prepared=False),
        Deed("FIFOs, devices", _HOW, "a FIFO is made", "special", os.mkfifo, prepared=False),
        Deed("file attributes", _HOW, "an extended attribute is set", "attribute", _attribute),
    )


def _store(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"control")
