"""Channels of what the kernel keeps without any process: System V objects, message queues, keys."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from facegate import kernel
from facegate.audit.watchers.base import BEFORE, Observation, UnavailableError, Watcher
from facegate.audit.watchers.processes import Processes
from facegate.audit.watchers.scene import PREFIX, Scene

_IPC_CREAT: Final = 0o1000
_IPC_RMID: Final = 0
_GETPID: Final = 11
_SYS_FSOPEN, _SYS_FSCONFIG, _SYS_FSMOUNT = 430, 431, 432
_FSCONFIG_CREATE: Final = 6
_PROCESS_KEYRING: Final = -2
_KEYCTL_UNLINK: Final = 9


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmget.argtypes = (ctypes.c_int, ctypes.c_size_t, ctypes.c_int)
    libc.syscall.restype = ctypes.c_long
    return libc


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise UnavailableError(f"{what} ({errno.errorcode.get(ctypes.get_errno(), 'unknown')})")
    return result


@dataclass(frozen=True)
class Kept(Watcher):
    """Objects of one kind: those that are there afterwards and were not before."""

    phases: ClassVar[tuple[str, ...]] = (BEFORE,)

    def arm(self, scene: Scene) -> None:
        scene.instrument(Processes)
        scene.notes[f"{self.slug} before"] = set(self.objects(scene))

    @abstractmethod
    def objects(self, scene: Scene) -> Iterator[str]:
        """What there is."""

    def owned(self, scene: Scene, what: str) -> bool:
        """Whether a process of the request is known to have made or used it."""
        return False

    def look(self, scene: Scene) -> Iterator[Observation]:
        for what in sorted(set(self.objects(scene)) - scene.notes[f"{self.slug} before"]):
            if scene.notes.get(self.slug) == what or scene.marked(what):
                yield Observation(what, "kernel", f"{self.slug}.{BEFORE}")
            elif PREFIX in what:
                continue  # another run's on this host
            elif self.owned(scene, what):
                yield Observation(what, "kernel")
            else:
                raise UnavailableError(f"to know who made the {what}, which the kernel does not say")


@dataclass(frozen=True)
class SystemV(Kept):
    """Shared memory, queues or semaphores of System V.

    Attributes:
        kind: "shm", "msg" or "sem".
        creators: columns of /proc/sysvipc that hold processes; where there are any, other people's objects are known.
    """

    kind: str
    creators: tuple[int, ...] = ()

    def objects(self, scene: Scene) -> Iterator[str]:
        seen = scene.instrument(Processes).seen
        for cells in self._rows():
            by = self._users(cells)
            if not any(by) or any(pid in seen for pid in by):
                yield f"System V {self.kind} {cells[1]}"

    def owned(self, scene: Scene, what: str) -> bool:
        seen = scene.instrument(Processes).seen
        return any(
            cells[1] == what.rsplit(maxsplit=1)[-1] and any(pid in seen for pid in self._users(cells))
            for cells in self._rows()
        )

    def _rows(self) -> list[list[str]]:
        lines = Path(f"/proc/sysvipc/{self.kind}").read_text(encoding="ascii").splitlines()[1:]
        return [line.split() for line in lines]

    def _users(self, cells: list[str]) -> list[int]:
        if self.kind == "sem":
            return [max(0, _libc().semctl(int(cells[1]), 0, _GETPID))]
        return [int(cells[column]) for column in self.creators]

    def act(self, scene: Scene, phase: str) -> None:
        libc, flags = _libc(), _IPC_CREAT | 0o600
        if self.kind == "shm":
            made: int = libc.shmget(0, 4096, flags)
        else:
            made = libc.msgget(0, flags) if self.kind == "msg" else libc.semget(0, 1, flags)
        scene.notes[self.slug] = f"System V {self.kind} {_checked(made, f'System V {self.kind}')}"

    def undo(self, scene: Scene) -> None:
        if self.slug in scene.notes:
            number = int(scene.notes.pop(self.slug).split()[-1])
            if self.kind == "sem":
                _libc().semctl(number, 0, _IPC_RMID)
            else:
                getattr(_libc(), f"{self.kind}ctl")(number, _IPC_RMID, None)


@dataclass(frozen=True)
class PosixQueues(Kept):
    """Message queues; they say nothing of who made them, so one more than before leaves the channel not verified."""

    def objects(self, scene: Scene) -> Iterator[str]:
        yield from (f"message queue {name}" for name in _queues())

    def act(self, scene: Scene, phase: str) -> None:
        name = "/" + scene.mark(self.slug, phase)
        descriptor = _checked(_libc().mq_open(name.encode(), os.O_CREAT | os.O_RDWR, 0o600, None), "POSIX queues")
        os.close(descriptor)

    def undo(self, scene: Scene) -> None:
        _libc().mq_unlink(("/" + scene.mark(self.slug, BEFORE)).encode())  # ENOENT where it was never made


def _queues() -> list[str]:
    """Names of all queues of this IPC namespace, by a mount of their file system that has no path."""
    mounted = Path("/dev/mqueue")
    if mounted.is_mount():
        return os.listdir(mounted)
    try:
        context = kernel.syscall(_SYS_FSOPEN, ctypes.create_string_buffer(b"mqueue"), 1)
        try:
            kernel.syscall(_SYS_FSCONFIG, context, _FSCONFIG_CREATE, None, None, 0)
            mount = kernel.syscall(_SYS_FSMOUNT, context, 1, 0)
        finally:
            os.close(context)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise UnavailableError(f"/dev/mqueue, or a mount of it ({name})") from None
    try:
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=mount)
        try:
            return os.listdir(folder)
        finally:
            os.close(folder)
    finally:
        os.close(mount)


@dataclass(frozen=True)
class Keys(Kept):
    """Keys in the kernel's keyrings that this user can see."""

    def objects(self, scene: Scene) -> Iterator[str]:
        try:
            lines = Path("/proc/keys").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            raise UnavailableError("/proc/keys") from None
        for cells in (line.split(maxsplit=8) for line in lines):
            # Keyrings themselves appear with every login; what carries data is a key.
            if len(cells) > 8 and cells[7] != "keyring":
                yield f"key of type {cells[7]}: {cells[8].rpartition(':')[0]}"

    def act(self, scene: Scene, phase: str) -> None:
        add_key = _add_key()
        name = scene.mark(self.slug, phase).encode()
        libc = _libc()
        number = libc.syscall(
            ctypes.c_long(add_key), b"user", name, b"control", ctypes.c_size_t(7), ctypes.c_long(_PROCESS_KEYRING)
        )
        scene.notes[f"{self.slug} key"] = _checked(number, "keyrings")

    def undo(self, scene: Scene) -> None:
        if (number := scene.notes.pop(f"{self.slug} key", None)) is not None:
            keyctl = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
            kernel.syscall(keyctl, _KEYCTL_UNLINK, number, _PROCESS_KEYRING)


def _add_key() -> int:
    numbers = {"x86_64": 248, "aarch64": 217}
    if os.uname().machine not in numbers:
        raise UnavailableError("the number of add_key on this machine")
    return numbers[os.uname().machine]


def table() -> tuple[Watcher, ...]:
    """Channels of the kernel's own objects."""
    sysv = "/proc/sysvipc before and after"
    return (
        SystemV("System V shared memory", sysv, "a segment is made", "shm", (4, 5)),
        SystemV("System V message queues", sysv, "a queue is made", "msg", (5, 6)),
        SystemV("System V semaphores", sysv, "a set is made", "sem"),
        PosixQueues("POSIX message queues", "the mqueue file system before and after", "a queue is made"),
        Keys("keyring", "/proc/keys before and after", "a key is added to the process's keyring"),
    )
