"""Channels of the worker's, the zygote's and the children's state, as /proc shows it from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from facegate.audit.watchers import control_process
from facegate.audit.watchers.base import BEFORE, AbsentError, Observation, UnavailableError, Watcher
from facegate.audit.watchers.processes import Descriptor, Process, Processes
from facegate.audit.watchers.scene import Scene

_SERVING: Final = ("zygote", "child")
_START_SECONDS: Final = 20.0


class ControlProcess:
    """The process of `control_process`, shared by all channels of this file."""

    def __init__(self, scene: Scene) -> None:
        processes = scene.instrument(Processes)
        mark = f"{scene.token}-process"
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", control_process.__file__, mark, str(scene.scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"FACEGATE_CONTROL": mark},
        )
        processes.controls.add(self._process.pid)
        scene.own_descriptors |= {each.fileno() for each in (self._process.stdin, self._process.stdout) if each}
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(self._process.stdout.readline()))  # type: ignore[union-attr]
        reader.start()
        reader.join(_START_SECONDS)
        if said != [b"ready\n"]:
            self.close()
            raise UnavailableError("the control process, which did not start")
        processes.look()

    def settle(self) -> None:
        """It does nothing by itself."""

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Seen(Watcher):
    """Something about the processes of a request that /proc shows.

    Attributes:
        roles: of which processes.
        part: of /proc that must have been readable.
        traces: what is wrong with a process, in words.
    """

    roles: tuple[str, ...]
    part: str
    traces: Callable[[Process], Iterable[str]]
    phases: ClassVar[tuple[str, ...]] = (BEFORE,)

    def arm(self, scene: Scene) -> None:
        scene.instrument(Processes)

    def act(self, scene: Scene, phase: str) -> None:
        scene.instrument(ControlProcess)

    def look(self, scene: Scene) -> Iterator[Observation]:
        processes = scene.instrument(Processes)
        looked_at = processes.of(*self.roles)
        for process in looked_at:
            control = f"{self.slug}.{BEFORE}" if process.role == "control" else ""
            for trace in self.traces(process):
                yield Observation(trace, str(process), control)
        processes.check(looked_at, self.part)


def _targets(wanted: Callable[[Descriptor], bool]) -> Callable[[Process], Iterable[str]]:
    return lambda process: {each.target for each in process.descriptors.values() if wanted(each)}


def _sockets(wanted: Callable[[str], bool]) -> Callable[[Process], Iterable[str]]:
    return lambda process: {f"a socket: {kind}" for kind in process.sockets.values() if wanted(kind)}


def _environment(process: Process) -> Iterator[str]:
    from facegate.sandbox.host import ENVIRONMENT

    # glibc cuts its tunables apart in place, so the second shows as an entry of its own.
    allowed = {f"{name}={value}" for name, value in ENVIRONMENT.items()} | {
        each for value in ENVIRONMENT.values() for each in value.split(":")
    }
    known = set(ENVIRONMENT)
    for entry in process.environment - allowed:
        name = entry.partition("=")[0]
        if name not in known:
            yield f"the variable {name}"
        elif name != "GLIBC_TUNABLES":
            yield f"another value of {name}"


def _arguments(process: Process) -> Iterator[str]:
    for words in filter(None, process.arguments):  # a dying process has none
        # -P -s -m facegate.sandbox.zygote FD MEMORY CPU
        if words[1:5] != ("-P", "-s", "-m", "facegate.sandbox.zygote") or not all(each.isdigit() for each in words[5:]):
            yield f"a command line of {len(words)} words that is not the zygote's"


def _names(process: Process) -> Iterator[str]:
    usual = Path(sys.executable).resolve().name[:15]
    yield from (f"the name {name!r}" for name in process.names if not name.startswith("python") and name != usual)


def _outputs(process: Process) -> Iterator[str]:
    """A zygote has its own memory file there until it is ready, so what counts is where they lead now."""
    now = process.now if process.role == "zygote" else {key[0]: each for key, each in process.descriptors.items()}
    yield from (
        f"output {number} to {now[number].target}"
        for number in (1, 2)
        if number in now and now[number].target != os.devnull
    )


def _files(descriptor: Descriptor) -> bool:
    return (
        descriptor.writable
        and descriptor.target.startswith("/")
        and not descriptor.target.startswith(("/dev/null", "/memfd:", "/secretmem"))
    )


def _memory_files(process: Process) -> Iterator[str]:
    """Between commands: while one runs, a child holds what the worker shares with it."""
    held = process.now if process.at_rest is None else process.at_rest
    if process.role == "control" or process.at_rest is not None:
        yield from (each.target for each in held.values() if each.target.startswith("/memfd:"))


def _deleted(descriptor: Descriptor) -> bool:
    return descriptor.target.endswith(" (deleted)") and not descriptor.target.startswith(("/memfd:", "/secretmem"))


def _swapped(process: Process) -> Iterator[str]:
    yield from (f"{each} in swap" for each in process.status.get("VmSwap", set()) if each not in {"", "0 kB"})


def _written(process: Process) -> Iterator[str]:
    """With what was written by children that the zygote has reaped: the kernel adds theirs to it."""
    before = process.first_counters.get("write_bytes", 0) if process.role == "zygote" else 0
    count = process.counters.get("write_bytes", 0) - before
    if count:
        yield f"{count} bytes written to a device"


def _write_calls(process: Process) -> Iterator[str]:
    if count := process.counters.get("wchar", 0):
        yield f"{count} bytes given to write(2)"


_GPU: Final = ("/dev/nvidia", "/dev/dri/", "/dev/kfd")


@dataclass(frozen=True)
class Accelerator(Watcher):
    """Memory of an accelerator: whoever has some holds a descriptor of its device."""

    phases: ClassVar[tuple[str, ...]] = (BEFORE,)

    def arm(self, scene: Scene) -> None:
        scene.instrument(Processes)

    def act(self, scene: Scene, phase: str) -> None:
        for path in ("/dev/nvidiactl", "/dev/kfd", *map(str, sorted(Path("/dev/dri").glob("render*")))):
            if Path(path).exists():
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                scene.own_descriptors.add(descriptor)
                scene.notes[self.slug] = descriptor, path
                scene.instrument(Processes).look()
                return
        raise AbsentError("an accelerator (no /dev/nvidiactl, /dev/kfd or /dev/dri/render*)")

    def undo(self, scene: Scene) -> None:
        if self.slug in scene.notes:
            os.close(scene.notes.pop(self.slug)[0])

    def look(self, scene: Scene) -> Iterator[Observation]:
        processes = scene.instrument(Processes)
        mine = scene.notes.get(self.slug)
        looked_at = processes.of("worker", *_SERVING)
        for process in looked_at:
            for number, target in process.descriptors:
                if process.role == "worker" and (number, target) == mine:
                    yield Observation(f"{target} open", str(process), f"{self.slug}.{BEFORE}")
                elif process.role in _SERVING and target.startswith(_GPU):
                    yield Observation(f"{target} open", str(process))
        processes.check(looked_at, "fd")


@dataclass(frozen=True)
class Swap(Seen):
    """Pages of the processes in swap; the control asks the kernel to swap a page of its own out."""

    def act(self, scene: Scene, phase: str) -> None:
        if len(Path("/proc/swaps").read_text(encoding="utf-8").splitlines()) < 2:
            raise AbsentError("swap: nothing can be swapped out, and so nothing can show that it would be seen")
        super().act(scene, phase)


def table() -> tuple[Watcher, ...]:
    """Channels of the processes of a request."""
    how = "/proc of the zygote and every child, every 20 ms and after every command"
    process = "a process of its own"
    fd, environ = "fd", "environ"
    return (
        Seen("children: environment", how, f"{process} has a variable", _SERVING, environ, _environment),
        Seen("children: command line", how, f"{process} has arguments", _SERVING, "cmdline", _arguments),
        Seen(
            "children: names of processes and threads", how, f"{process} has a named thread", _SERVING, "comm", _names
        ),
        Seen("children: standard output and error", how, f"the output of {process} is a pipe", _SERVING, fd, _outputs),
        Seen(
            "children: network sockets",
            how,
            f"{process} opens TCP and UDP sockets",
            _SERVING,
            fd,
            _sockets(lambda kind: not kind.startswith("unix")),
        ),
        Seen(
            "children: listeners",
            how,
            f"{process} listens on the loopback",
            _SERVING,
            fd,
            _sockets(lambda kind: "listening" in kind),
        ),
        Seen(
            "children: named Unix sockets",
            how,
            f"{process} has an abstract one",
            _SERVING,
            fd,
            _sockets(lambda kind: kind.startswith("unix") and " at " in kind),
        ),
        Seen("children: files open to write", how, f"{process} has one open", _SERVING, fd, _targets(_files)),
        Seen("children: deleted files still open", how, f"{process} has one open", _SERVING, fd, _targets(_deleted)),
        Seen("children: memory files", how, f"{process} has one open", ("child",), fd, _memory_files),
        Seen(
            "children: pipes",
            how,
            f"{process} has one",
            _SERVING,
            fd,
            _targets(lambda each: each.target.startswith("pipe:")),
        ),
        Seen(
            "children: bytes written to devices",
            f"{how}; the zygote's count has those of dead children",
            f"{process} writes 64 KiB and syncs",
            _SERVING,
            "io",
            _written,
        ),
        Seen("children: bytes given to write(2)", how, f"{process} writes 64 KiB", ("child",), "io", _write_calls),
        Seen(
            "children: limit of core dumps",
            how,
            f"{process} has the highest",
            _SERVING,
            "limits",
            lambda each: [f"{limit} bytes of core" for limit in each.core_limit - {"0", "1"}],
        ),
        Seen(
            "children: filter of core dumps",
            how,
            f"{process} adds all kinds of memory",
            _SERVING,
            "coredump_filter",
            lambda each: [f"coredump_filter {value:#x}" for value in each.core_filter if value & ~0x33],
        ),
        Swap("children: swap", how, f"a page of {process} is swapped out", _SERVING, "status", _swapped),
        Accelerator("accelerator memory", f"{how}: descriptors of devices", "the device is opened"),
    )
