"""What /proc says of the worker, the zygote and the children, looked at again and again while the workload runs."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from facegate.audit.watchers.base import UnavailableError
from facegate.audit.watchers.scene import Scene

_PROC: Final = Path("/proc")
_EVERY: Final = 0.02  # seconds
_ACCESS: Final = os.O_ACCMODE


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One open descriptor of a process.

    Attributes:
        number: in that process.
        target: what its link in /proc says.
        flags: of the open file, as open(2) takes them.
    """

    number: int
    target: str
    flags: int

    @property
    def writable(self) -> bool:
        """Whether it can be written to."""
        return self.flags & _ACCESS != os.O_RDONLY


@dataclass
class Process:
    """What was seen of one process, all looks together.

    Attributes:
        pid: its number.
        role: "worker", "zygote", "child", "rehearsal", "control" or "other process"; what it is called in findings.
        at_rest: a child's descriptors after its last command; None for one that has had no command.
        unreadable: parts of /proc that were refused while it lived.
    """

    pid: int
    role: str
    environment: set[str] = field(default_factory=set)
    arguments: set[tuple[str, ...]] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    descriptors: dict[tuple[int, str], Descriptor] = field(default_factory=dict)
    now: dict[int, Descriptor] = field(default_factory=dict)
    status: dict[str, set[str]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    first_counters: dict[str, int] = field(default_factory=dict)
    core_limit: set[str] = field(default_factory=set)
    core_filter: set[int] = field(default_factory=set)
    sockets: dict[str, str] = field(default_factory=dict)
    at_rest: dict[int, Descriptor] | None = None
    unreadable: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.role} {self.pid}"


def parents() -> dict[int, int]:
    """The parent of every process."""
    found = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdigit() and (parent := parent_of(int(entry.name))) is not None:
            found[int(entry.name)] = parent
    return found


def parent_of(pid: int) -> int | None:
    """Its parent; None if it is gone."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


class Processes:
    """Looks at this process and all below it, every 20 ms and after every command of a child.

    Attributes:
        seen: every process that ever was below this one, by number, and this one.
        controls: processes that controls started.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.seen: dict[int, Process] = {}
        self.controls: set[int] = set()
        self._guard = threading.RLock()
        self._stop = threading.Event()
        self._restore: list[Callable[[], None]] = []
        self.look()
        self._tap()
        self._thread = threading.Thread(target=self._run, name="facegate-watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            self.look()

    def _tap(self) -> None:
        """A child lives for milliseconds and dies without notice: look at it after each of its commands, too."""
        from facegate.sandbox.child import Child

        original = Child.call

        def call(child: Child, *arguments: Any, **options: Any) -> dict[str, Any]:
            try:
                return original(child, *arguments, **options)
            finally:
                self.look()
                if (process := self.seen.get(child.pid)) is not None:
                    process.at_rest = process.now

        setattr(Child, "call", call)
        self._restore.append(lambda: setattr(Child, "call", original))

    def ours(self, pid: int) -> bool | None:
        """Whether a process is this one or below it; None if it is gone and was never seen."""
        with self._guard:
            if pid in self.seen:
                return True
        step: int | None = pid
        while step not in {None, 0, 1}:
            if step == os.getpid() or step in self.seen:
                return True
            step = parent_of(step)
        return None if step is None else False

    def look(self) -> None:
        """Look at every process now."""
        with self._guard:
            family = {os.getpid()}
            above = parents()
            fringe = family
            while fringe:
                fringe = {pid for pid, parent in above.items() if parent in fringe} - family
                family = family | fringe
            for pid in family:
                process = self.seen.get(pid)
                if process is None:
                    process = self.seen[pid] = Process(pid, "")
                _add(process)
                role = self._role(process, above.get(pid))
                if role == "zygote" and process.role != role:
                    # Between fork and exec it was a copy of the worker, environment and descriptors included.
                    process = self.seen[pid] = Process(pid, role)
                    _add(process)
                process.role = role

    def _role(self, process: Process, parent: int | None) -> str:
        if process.pid == os.getpid():
            return "worker"
        if process.pid in self.controls:
            return "control"
        if any("facegate.sandbox.zygote" in each for each in process.arguments):
            above = self.seen.get(parent or 0)
            if above is None or above.role not in {"zygote", "child", "rehearsal"}:
                return "zygote"
            # Until it is ready, a zygote forks to try its protections out; then its own output is the null device.
            loading = 1 in above.now and above.now[1].target != os.devnull
            return "rehearsal" if loading or process.role == "rehearsal" else "child"
        return process.role or "other process"

    def of(self, *roles: str) -> list[Process]:
        """Processes with one of these roles, and those of controls.

        Raises:
            UnavailableError: no such process was ever seen, so nothing can be said of one.
        """
        with self._guard:
            found = [each for each in self.seen.values() if each.role in {*roles, "control"}]
        missing = [role for role in roles if not any(each.role == role for each in found)]
        if missing and "other process" not in missing:
            raise UnavailableError(f"no {' or '.join(missing)} was seen")
        return found

    @staticmethod
    def check(processes: list[Process], part: str) -> None:
        """Raise unless that part of /proc could be read of each.

        Raises:
            UnavailableError: it was refused; nothing seen there means nothing.
        """
        refused = sorted({each.role for each in processes if part in each.unreadable})
        if refused:
            raise UnavailableError(f"/proc/PID/{part} of the {' and '.join(refused)} takes CAP_SYS_PTRACE to read")

    def settle(self) -> None:
        """One more look."""
        self.look()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()
        while self._restore:
            self._restore.pop()()


def _add(process: Process) -> None:
    """Add what /proc says now."""
    folder = _PROC / str(process.pid)

    def read(name: str) -> str | None:
        try:
            return (folder / name).read_text(encoding="utf-8", errors="surrogateescape")
        except PermissionError:
            process.unreadable.add(name)
        except (FileNotFoundError, ProcessLookupError):
            return None  # it ended meanwhile
        return None

    status = dict(line.split(":\t", 1) for line in (read("status") or "").splitlines() if ":\t" in line)
    if not status or status["State"].startswith("Z"):
        return
    for name in ("VmSwap", "CoreDumping"):
        process.status.setdefault(name, set()).add(status.get(name, "").strip())
    process.environment |= set(filter(None, (read("environ") or "").split("\0")))
    if arguments := (read("cmdline") or "").split("\0"):
        process.arguments.add(tuple(arguments[:-1]))
    process.names |= set(_thread_names(folder))
    counters = {
        key: int(value) for key, _, value in (each.partition(": ") for each in (read("io") or "").splitlines()) if value
    }
    if counters:
        process.first_counters = process.first_counters or counters
        process.counters = counters
    if limits := read("limits"):
        process.core_limit.add(limits.split("Max core file size")[1].split()[0])
    if filtered := read("coredump_filter"):
        process.core_filter.add(int(filtered, 16))
    _add_descriptors(process, folder)


def _thread_names(folder: Path) -> Iterator[str]:
    try:
        tasks = list((folder / "task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            yield (task / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
        except OSError:
            continue  # ended meanwhile


def _add_descriptors(process: Process, folder: Path) -> None:
    try:
        numbers = [int(each.name) for each in os.scandir(folder / "fd")]
    except PermissionError:
        process.unreadable.add("fd")
        return
    except OSError:
        return
    now = {}
    for number in numbers:
        try:
            target = str((folder / "fd" / str(number)).readlink())
            told = (folder / "fdinfo" / str(number)).read_text(encoding="ascii")
        except PermissionError:
            process.unreadable.add("fd")
            continue
        except OSError:
            continue  # closed meanwhile
        flags = int(told.split("flags:")[1].split()[0], 8)
        descriptor = now[number] = Descriptor(number, target, flags)
        process.descriptors.setdefault((number, target), descriptor)
        if target.startswith("socket:"):
            _add_socket(process, folder, target)
    process.now = now


def _add_socket(process: Process, folder: Path, target: str) -> None:
    """What kind of socket it is, while it is there."""
    if target in process.sockets:
        return
    inode = target[8:-1]
    # A child's channel was made by the worker, in whose network namespace it stays.
    for net, (name, column) in itertools.product((folder / "net", _PROC / "self/net"), _TABLES):
        try:
            rows = (net / name).read_text(encoding="utf-8", errors="replace").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            cells = row.split()
            if len(cells) > column and cells[column] == inode:
                process.sockets[target] = _socket(name, cells)
                return
    if any(target == str(_target(each)) for each in (folder / "fd").glob("*")):
        # TCP and UDP sockets are in their table once they are bound or connected; other families never.
        process.sockets[target] = "of a kind that is in no table"


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None  # closed meanwhile


# Where the inode is in each table of the network namespace.
_TABLES: Final = (
    ("unix", 6),
    ("tcp", 9),
    ("tcp6", 9),
    ("udp", 9),
    ("udp6", 9),
    ("raw", 9),
    ("raw6", 9),
    ("netlink", 9),
    ("packet", 8),
)


def _socket(table: str, cells: list[str]) -> str:
    if table == "unix":
        listens = int(cells[3], 16) & 0x10000  # __SO_ACCEPTCON
        path = cells[7] if len(cells) > 7 else ""
        return f"unix{' listening' if listens else ''}{' at ' + path if path else ''}"
    listens = table.startswith("tcp") and cells[3] == "0A"
    bound = table.startswith("udp") and not cells[1].endswith(":0000")
    return f"{table}{' listening' if listens or bound else ''}"
