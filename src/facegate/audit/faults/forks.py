"""Forks of the worker: each looks around in itself; one of a batch is kept for the search of memory."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_FOUND_MAP: Final = 7
_FOUND_VIEW: Final = 8
_COMPLAINTS: Final = {
    _FOUND_MAP: "a fork of the worker has maps of a request",
    _FOUND_VIEW: "a fork of the worker sees what was shown to the worker",
}


class Forks:
    """Makes forks and remembers the one that is kept. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: int | None = None
        self._taken = False

    def make(self, views: Sequence[Any]) -> list[str]:
        """Fork this process; the fork looks for what a request has, in its maps and through `views`.

        Returns:
            What it found, in words; nothing, if all is well.
        """
        with self._guard:
            keep, self._taken = not self._taken, True
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _look_around(views)
                if keep and code == 0:
                    os.kill(os.getpid(), signal.SIGSTOP)
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            self._kept = pid
            return []
        code = os.waitstatus_to_exitcode(status)
        return [] if code == 0 else [_COMPLAINTS.get(code, f"a fork of the worker ended with {code}")]

    @property
    def kept(self) -> set[int]:
        """The one that stands still, if there is one."""
        return set() if self._kept is None else {self._kept}

    def end(self) -> None:
        """End it."""
        if self._kept is not None:
            os.kill(self._kept, signal.SIGKILL)
            os.waitpid(self._kept, 0)
            self._kept = None


def _look_around(views: Sequence[Any]) -> int:
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    if "memfd:facegate" in maps or "secretmem" in maps:
        return _FOUND_MAP
    return _FOUND_VIEW if any(view.any() for view in views) else 0
