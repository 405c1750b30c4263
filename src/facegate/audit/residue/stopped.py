"""Processes held still, so that nothing moves from a page not yet read to one that was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PATIENCE: Final = 1.0


@contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Stop the processes for the block, but never this one, nor those that are stopped already.

    They are named by handle, so that a number that is used again stops nobody else.
    """
    handles: list[int] = []
    try:
        for pid in pids:
            if pid == os.getpid() or _state(pid) in {"T", "t", "Z", ""}:
                continue
            with suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                handles.append(handle)
                signal.pidfd_send_signal(handle, signal.SIGSTOP)
                end = time.monotonic() + _PATIENCE
                while _state(pid) not in {"T", "Z", ""} and time.monotonic() < end:
                    time.sleep(0.001)
        yield
    finally:
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGCONT)
            os.close(handle)


def _state(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]
