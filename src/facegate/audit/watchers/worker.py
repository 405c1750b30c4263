"""Channels of the worker's own state: what it was before the workload is held against what it is afterwards."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import sys
import tempfile
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from facegate import kernel
from facegate.aio import PURGERS
from facegate.audit.watchers.base import BEFORE, Observation, Watcher
from facegate.audit.watchers.processes import Process, Processes
from facegate.audit.watchers.scene import Scene

_PR_SET_NAME: Final = 15
_HOW: Final = "the worker before and after"
# Threads that a gate may leave running; they are the library's and are named by it.
_OWN_THREADS: Final = frozenset({"facegate-deadlines", "facegate-spares", "facegate-watch", "facegate-watch-files"})


def _is_own(thread: str) -> bool:
    """Whether a thread of that name is the library's: one of the above, or of the pool that purges for asyncio."""
    pool, _, number = thread.rpartition("_")
    return thread in _OWN_THREADS or (pool == PURGERS and number.isdecimal())


@dataclass(frozen=True)
class Compared(Watcher):
    """Something countable of the worker: what there is more of afterwards was left behind."""

    phases: ClassVar[tuple[str, ...]] = (BEFORE,)

    def arm(self, scene: Scene) -> None:
        scene.notes[f"{self.slug} before"] = self.state(scene)

    @abstractmethod
    def state(self, scene: Scene) -> Counter[str]:
        """What there is, in words."""

    def control_of(self, scene: Scene, what: str) -> bool:
        """Whether that is the control's."""
        return bool(scene.marked(what))

    def look(self, scene: Scene) -> Iterator[Observation]:
        for what in self.state(scene) - scene.notes[f"{self.slug} before"]:
            control = f"{self.slug}.{BEFORE}" if self.control_of(scene, what) else ""
            if control or scene.token not in what:
                yield Observation(what, "worker", control)


@dataclass(frozen=True)
class Environment(Compared):
    """Variables, which every program that the worker starts will get."""

    def state(self, scene: Scene) -> Counter[str]:
        return Counter(f"{name}, {hash(value)}" for name, value in os.environ.items())

    def act(self, scene: Scene, phase: str) -> None:
        os.environ[scene.mark(self.slug, phase)] = "control"

    def undo(self, scene: Scene) -> None:
        os.environ.pop(scene.mark(self.slug, BEFORE), None)

    def look(self, scene: Scene) -> Iterator[Observation]:
        for each in super().look(scene):
            name = each.what.rpartition(", ")[0]
            yield Observation(f"the variable {name}", each.where, each.control, os.environ.get(name))


@dataclass(frozen=True)
class Arguments(Compared):
    """The command line, which every user of the host can read, and Python's copy of it."""

    def state(self, scene: Scene) -> Counter[str]:
        words = Path("/proc/self/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
        return Counter([*words, *map(str, sys.argv)])

    def act(self, scene: Scene, phase: str) -> None:
        sys.argv.append(scene.mark(self.slug, phase))

    def undo(self, scene: Scene) -> None:
        with suppress(ValueError):  # the workload put another list there
            sys.argv.remove(scene.mark(self.slug, BEFORE))


@dataclass(frozen=True)
class Names(Compared):
    """Names of threads, Python's and the kernel's, which show in every list of processes."""

    def state(self, scene: Scene) -> Counter[str]:
        kernel = [
            each.read_text(encoding="utf-8", errors="replace").strip()
            for each in Path("/proc/self/task").glob("*/comm")
        ]
        # A thread of the library more or less says nothing.
        return Counter(set(kernel) | {each.name for each in threading.enumerate() if not _is_own(each.name)})

    def control_of(self, scene: Scene, what: str) -> bool:
        return what == scene.token[-15:] or super().control_of(scene, what)

    def act(self, scene: Scene, phase: str) -> None:
        started, done = threading.Event(), threading.Event()

        def named() -> None:
            ctypes.CDLL(None).prctl(_PR_SET_NAME, scene.token[-15:].encode(), 0, 0, 0)
            started.set()
            done.wait()

        thread = threading.Thread(target=named, name=scene.mark(self.slug, phase), daemon=True)
        thread.start()
        started.wait()
        scene.notes[self.slug] = thread, done

    def undo(self, scene: Scene) -> None:
        if self.slug in scene.notes:
            thread, done = scene.notes.pop(self.slug)
            done.set()
            thread.join()


@dataclass(frozen=True)
class Left(Compared):
    """Descriptors that the worker still has open.

    Attributes:
        wanted: which of them the channel is about, by what they lead to, and what kind of socket they are.
        make: opens one for the control; returns what closes it and the number.
    """

    wanted: Callable[[str, str], bool]
    make: Callable[[Path, str], tuple[Any, int]]

    def arm(self, scene: Scene) -> None:
        scene.instrument(Processes)
        super().arm(scene)

    def state(self, scene: Scene) -> Counter[str]:
        processes = scene.instrument(Processes)
        processes.look()
        worker: Process = processes.seen[os.getpid()]
        number = scene.notes.get(self.slug, (None, -1))[1]
        mine = worker.now[number].target if number in worker.now else ""
        # Sockets, pipes and memory files are told apart by their inode, so each is counted once.
        found: Counter[str] = Counter()
        for number, each in worker.now.items():
            kind = worker.sockets.get(each.target, "")
            if number not in scene.own_descriptors and self.wanted(each.target, kind):
                mark = f" ({scene.mark(self.slug, BEFORE)})" if each.target == mine else ""
                found[f"{each.target} {kind}".rstrip() + mark] += 1
        return found

    def act(self, scene: Scene, phase: str) -> None:
        scene.notes[self.slug] = self.make(scene.scratch, scene.mark(self.slug, phase))

    def undo(self, scene: Scene) -> None:
        if self.slug in scene.notes:
            scene.notes.pop(self.slug)[0].close()

    def look(self, scene: Scene) -> Iterator[Observation]:
        yield from super().look(scene)
        processes = scene.instrument(Processes)
        processes.check([processes.seen[os.getpid()]], "fd")


class _Opened:
    """Descriptors that are closed together."""

    def __init__(self, *descriptors: int) -> None:
        self._descriptors = descriptors

    def close(self) -> None:
        """Close them."""
        for each in self._descriptors:
            os.close(each)


def _memory_file(_: Path, mark: str) -> tuple[Any, int]:
    descriptor = os.memfd_create(mark)
    return _Opened(descriptor), descriptor


def _deleted_file(scratch: Path, mark: str) -> tuple[Any, int]:
    file = (scratch / mark).open("wb")
    (scratch / mark).unlink()
    return file, file.fileno()


def _unnamed_file(scratch: Path, mark: str) -> tuple[Any, int]:
    file = tempfile.TemporaryFile(dir=scratch)
    return file, file.fileno()


def _file(scratch: Path, mark: str) -> tuple[Any, int]:
    file = (scratch / mark).open("wb")
    return file, file.fileno()


def _pipe(_: Path, __: str) -> tuple[Any, int]:
    ends = os.pipe()
    return _Opened(*ends), ends[0]


def _listener(_: Path, __: str) -> tuple[Any, int]:
    made = socket.create_server(("127.0.0.1", 0))
    return made, made.fileno()


def _datagram(_: Path, __: str) -> tuple[Any, int]:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made, made.fileno()


def _named_socket(_: Path, mark: str) -> tuple[Any, int]:
    made = socket.socket(socket.AF_UNIX)
    made.bind("\0" + mark)
    made.listen(1)
    return made, made.fileno()


def _is_file(target: str) -> bool:
    return target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/memfd:", "/secretmem"))


@dataclass(frozen=True)
class SharedMaps(Compared):
    """Shared memory in the worker's map of its address space: what a fork, or another process, could read."""

    def state(self, scene: Scene) -> Counter[str]:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        shared = [line.split(maxsplit=5) for line in lines if line.split()[1].endswith("s")]
        return Counter(cells[5] if len(cells) > 5 else "unnamed" for cells in shared)

    def act(self, scene: Scene, phase: str) -> None:
        descriptor = os.memfd_create(scene.mark(self.slug, phase))
        try:
            os.truncate(descriptor, mmap.PAGESIZE)
            # No mmap object, which another channel would take for a buffer that is kept.
            scene.notes[self.slug] = kernel.map_file(descriptor, mmap.PAGESIZE, kernel.PROT_READ)
        finally:
            os.close(descriptor)

    def undo(self, scene: Scene) -> None:
        if self.slug in scene.notes:
            kernel.unmap(scene.notes.pop(self.slug), mmap.PAGESIZE)


def table() -> tuple[Watcher, ...]:
    """Channels of the worker's state."""
    fd = f"{_HOW}: open descriptors"
    return (
        Environment("worker: environment", _HOW, "a variable is set"),
        Arguments("worker: command line", _HOW, "a word is added to sys.argv"),
        Names("worker: names of threads", _HOW, "a thread gets a name"),
        SharedMaps("worker: shared memory", f"{_HOW}: its maps", "a page is mapped"),
        Left("worker: memory files", fd, "one is kept open", lambda to, _: to.startswith("/memfd:"), _memory_file),
        Left(
            "worker: deleted files still open",
            fd,
            "one is kept open",
            lambda to, _: _is_file(to) and to.endswith(" (deleted)"),
            _deleted_file,
        ),
        Left(
            "worker: unnamed temporary files",
            fd,
            "one is kept open",
            lambda to, _: _is_file(to) and "/#" in to,
            _unnamed_file,
        ),
        Left(
            "worker: files left open",
            fd,
            "one is kept open",
            lambda to, _: _is_file(to) and not to.endswith(" (deleted)"),
            _file,
        ),
        Left("worker: pipes", fd, "one is kept open", lambda to, _: to.startswith("pipe:"), _pipe),
        Left(
            "worker: TCP",
            fd,
            "a listener on the loopback is kept open",
            lambda _, kind: kind.startswith("tcp"),
            _listener,
        ),
        Left(
            "worker: UDP",
            fd,
            "a socket of the loopback is kept open",
            lambda _, kind: kind.startswith(("udp", "raw", "packet", "netlink")),
            _datagram,
        ),
        Left(
            "worker: named Unix sockets",
            fd,
            "an abstract one is kept open",
            lambda _, kind: kind.startswith("unix") and " at " in kind,
            _named_socket,
        ),
    )
