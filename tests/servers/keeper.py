"""Keeps servers for a test's process: they are no children of it, and end with it however it ends, with their folder.

As a program: an orphan that runs servers on orders from its standard input, JSON by line, and that stops them and
removes the folder when that input ends. A test's process that is killed, or that pytest-timeout ends, leaves nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PATIENCE = 30.0  # seconds: a server that writes all it has to a slow disk


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text(encoding="ascii").split()]
    return found


def gone(pid: int) -> bool:
    """Whether a process is no more, or has nothing left but its entry."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] == "Z"
        )
    except (FileNotFoundError, ProcessLookupError):
        return True


class _Servers:
    """Those that run, each with the signal that it is asked to stop with in the end."""

    def __init__(self) -> None:
        self.running: dict[int, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, argv: list[str], log: str, user: list[int] | None, env: dict[str, str], last: int) -> int:
        who: dict[str, Any] = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        with Path(log).open("ab") as out:
            started = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", env=env, start_new_session=True, **who
            )
        self.running[started.pid] = started, last
        return started.pid

    def alive(self, pid: int) -> bool:
        return pid in self.running and self.running[pid][0].poll() is None

    def stop(self, pid: int, number: int) -> int | None:
        """Send the signal and wait; the exit status, or None for a server that is still there."""
        server, _ = self.running[pid]
        server.send_signal(number)
        try:
            status = server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        del self.running[pid]
        return status

    def kill(self, pid: int) -> None:
        """End the server and all its processes at once, none of which can do a last thing."""
        server, _ = self.running.pop(pid)
        server.send_signal(signal.SIGSTOP)  # It makes no more of them.
        family = _family(pid)
        for one in reversed(family):  # The server last: as long as it is there, no number of its children is another's.
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        server.wait()
        end = time.monotonic() + _PATIENCE
        while not all(gone(one) for one in family):
            if time.monotonic() > end:
                raise TimeoutError(f"Process {pid} has children that SIGKILL does not end.")
            time.sleep(0.005)

    def end(self) -> None:
        for pid, (server, last) in list(self.running.items()):
            if server.poll() is None and self.stop(pid, last) is None:
                self.kill(pid)


def _serve(folder: Path) -> None:
    servers = _Servers()
    try:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            try:
                answer = {"ok": getattr(servers, name)(*arguments)}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
    finally:
        servers.end()
        shutil.rmtree(folder)


class Keeper:
    """The test's side: a keeper with an empty folder, which `close` removes.

    Args:
        folder: an existing folder that the keeper removes with all that is in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests, which then close this.
            text=True,
        )
        self._process.wait()  # What is left of it is an orphan.

    def ask(self, name: str, *arguments: Any) -> Any:
        """Have the keeper do one thing; see `_Servers`.

        Raises:
            RuntimeError: it could not; the message says why.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "The keeper of this server is gone."}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def close(self) -> None:
        """Stop what runs and remove the folder.

        Raises:
            RuntimeError: the folder is still there.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.stdin.closed:
            return
        self._process.stdin.close()
        self._process.stdout.read()  # Ends when the keeper does.
        self._process.stdout.close()
        if self.folder.exists():
            raise RuntimeError(f"The folder {self.folder} of a server could not be removed.")


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    _serve(Path(sys.argv[1]))
