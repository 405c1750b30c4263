"""A web server in a process of its own, and what is watched of it: memory of its tree, files that it makes."""

from __future__ import annotations

import http.client
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from facegate.audit.watchers.base import UnavailableError
from facegate.audit.watchers.fanotify import ATTRIB, DELETE, Fanotify

ROOT = Path(__file__).parents[1]
# Attributes and removals make no file.
_HARMLESS = ATTRIB | DELETE


class Server:
    """uvicorn with one worker; started by entering.

    Args:
        app: ``module:name``, of which `ROOT` or ``examples`` has the module.
        environment: on top of this process's.

    Attributes:
        port: on 127.0.0.1.
        pid: of the worker.
        errors: what it wrote to stderr, once it was stopped.
    """

    errors = ""

    def __init__(self, app: str, environment: Mapping[str, str] | None = None) -> None:
        self._app = app
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "examples"), os.environ.get("PYTHONPATH")]))
        # No byte code: compiling is no part of serving, and would be seen as files.
        extra = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        self._environment = os.environ | extra | dict(environment or {})
        self.pid = 0

    def __enter__(self) -> Self:
        options = ["--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        command = [sys.executable, "-m", "uvicorn", self._app, *options]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        end = time.monotonic() + 60
        while not self._up():
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                raise RuntimeError(self._process.communicate()[1])
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> str:
        """End it, and give what it wrote to stderr; idempotent."""
        if self._process.returncode is None:
            self._process.terminate()
            self.errors = self._process.communicate(timeout=60)[1]
        return self.errors

    def _up(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found, fringe = [], [root]
    while fringe:
        pid = fringe.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                fringe.extend(int(each) for each in task.read_text().split())
            except OSError:
                continue  # it has ended
    return found


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory at one time, bytes, shared pages in equal parts among those that have them.

    Attributes:
        at: `time.monotonic`.
        tree: of the worker and all below it.
        heap: of the worker alone, anonymous: where a copy of an upload in its heap would be.
        shared: of the worker alone, shared memory: its share of the regions.
        processes: in the tree.
    """

    at: float
    tree: int
    heap: int
    shared: int
    processes: int


def sample(root: int) -> Sample:
    """Look now."""
    pids = tree(root)
    rows = {pid: _rollup(pid) for pid in pids}
    own = rows[root]
    total = sum(row.get("Pss", 0) for row in rows.values())
    return Sample(time.monotonic(), total, own.get("Pss_Anon", 0), own.get("Pss_Shmem", 0), len(pids))


def _rollup(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return {}  # it has ended
    return {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}


@dataclass
class Watch:
    """Watches a tree of processes from entering to leaving.

    Args:
        root: the worker's.
        every: seconds between two looks at the memory.

    Attributes:
        samples: of the memory.
        made: files that a process of the tree made, renamed or wrote to.
        blind: why files are not watched; empty if they are.
    """

    root: int
    every: float = 0.5
    samples: list[Sample] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    blind: str = ""

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._known = set(tree(self.root))
        # Others on this host may be busy with files; a look at the tree for each of their acts would take a core.
        self._foreign: set[int] = set()
        try:
            self._files: Fanotify | None = Fanotify()
        except UnavailableError as error:
            self._files, self.blind = None, str(error)
        self._threads = [threading.Thread(target=self._measure), threading.Thread(target=self._listen)]
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()
        if self._files is not None:
            self._take(self._files)
            self._files.close()

    def since(self, begun: float) -> list[Sample]:
        """Samples from a time on."""
        return [each for each in self.samples if each.at >= begun]

    def _measure(self) -> None:
        while not self._stop.wait(self.every):
            self.samples.append(sample(self.root))

    def _listen(self) -> None:
        if self._files is None:
            return
        waiting = select.poll()
        waiting.register(self._files.descriptor, select.POLLIN)
        while not self._stop.is_set():
            self._known.update(tree(self.root))
            if waiting.poll(50):
                self._take(self._files)

    def _take(self, files: Fanotify) -> None:
        for mask, path, pid in files.read():
            if mask & ~_HARMLESS and pid is not None and self._ours(pid):
                self.made.append(path)

    def _ours(self, pid: int) -> bool:
        if pid not in self._known and pid not in self._foreign:
            self._known.update(tree(self.root))
            self._foreign |= {pid} - self._known
        return pid in self._known
