"""The shipped workbench with a fault in one of its stages. Child side only; run by `facegate.audit.faults.program`.

The engines are the real ones. What is put around them acts once, when the worker has asked for it by a command that the
shipped workbench does not have.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final, NoReturn

from facegate import kernel
from facegate.audit.faults.table import SIGNALS
from facegate.codes import Refusal
from facegate.vision import batch, decode, landmarks, mesh, workbench
from facegate.vision.detect import Detector

# The last byte of the arena, behind the last product: how a child that waits in a stage shows it.
HELD: Final = 1
GO_ON: Final = 2
_PIECE: Final = 64 << 20
_FOR_EVER: Final = 600.0  # seconds; whoever hangs is ended long before

_PLACES: Final[tuple[tuple[ModuleType | type, str, str], ...]] = (
    (decode, "read_header", "header"),
    (decode, "_decode", "decode"),
    (Detector, "detect", "detect"),
    (batch, "crop", "crop"),
    (mesh.Mesher, "mesh", "mesh"),
    (landmarks, "embed", "embed"),
    (workbench, "redact", "redact"),
    (workbench, "encode", "encode"),
)


class FaultBench:
    """`facegate.sandbox.executor.Workbench`, and a fault."""

    def __init__(self) -> None:
        self._real = workbench.Workbench()
        self._arena = memoryview(bytearray(1))
        self._plan: dict[str, Any] = {}
        for owner, name, stage in _PLACES:
            setattr(owner, name, self._around(getattr(owner, name), stage))

    def models(self) -> dict[str, str]:
        """Those of the shipped one."""
        return self._real.models()

    def warm(self) -> None:
        """As the shipped one; nothing is planned yet."""
        self._real.warm()

    def begin(self, arena: memoryview) -> None:
        """Take the arena, whose last byte is ours."""
        self._arena = arena
        self._real.begin(arena)

    def perform(self, command: dict[str, Any], regions: Sequence[memoryview], *files: int) -> dict[str, Any]:
        """Carry out one command, or remember which fault to make."""
        if command["do"] == "fault":
            self._plan = command
            return {}
        answer = self._real.perform(command, regions, *files)
        if command["do"] == "analyze":
            self._at("publish", answer)
        return answer

    def _around(self, step: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def stepped(*given: Any, **options: Any) -> Any:
            if self._plan.get("moment") == "before":
                self._at(stage, given)
            result = step(*given, **options)
            self._at(stage, (given, result))
            return result

        return stepped

    def _at(self, stage: str, secrets: object) -> None:
        """Act, if this is the place; `secrets` are in this frame's locals while it happens."""
        if self._plan.get("stage") != stage:
            return
        plan, self._plan = self._plan, {}
        act(plan["fault"], self._hold, secrets, dies=plan["dies"])

    def _hold(self) -> None:
        """Show the worker that the stage is reached, and stay in it until it says otherwise."""
        self._arena[-1] = HELD
        until = time.monotonic() + _FOR_EVER
        while self._arena[-1] != GO_ON and time.monotonic() < until:
            time.sleep(0.001)


def act(fault: str, hold: Callable[[], None], secrets: object, *, dies: bool) -> None:
    """Make the fault in this process.

    Args:
        fault: of the table.
        hold: waits in the stage, for what somebody else is to do.
        secrets: what the locals hold meanwhile.
        dies: for an exception: whether it is one that ends the child, or one that refuses the command.
    """
    if fault == "SIGSEGV":
        ctypes.string_at(0)  # a real one
    elif fault == "SIGABRT":
        os.abort()
    elif fault in SIGNALS:
        os.kill(os.getpid(), signal.Signals[fault])
    elif fault == "memory limit":
        _use_up_address_space()
    elif fault == "cgroup OOM":
        _touch_memory()
    elif fault == "CPU limit":
        while True:
            pass
    elif fault == "exception":
        _raise(secrets, dies=dies)
    else:
        hold()


def _use_up_address_space() -> NoReturn:
    """Map until nothing is left, then want more, as a decoder of a bomb would."""
    held = []
    size = _PIECE
    while size >= mmap.PAGESIZE:
        try:
            held.append(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | kernel.MAP_NORESERVE))
        except (OSError, MemoryError):
            size //= 4
    held.append(bytearray(_PIECE))  # type: ignore[arg-type]
    raise SystemExit("The address space has no end.")


def _touch_memory() -> None:
    """Write to more memory than the cgroup has."""
    held = [bytes([1]) * (_PIECE // 4) for _ in range(32)]
    raise SystemExit(f"The cgroup has no end: {len(held)} pieces.")


def _raise(secrets: object, *, dies: bool) -> NoReturn:
    kept = (secrets, str(secrets))
    if dies:
        raise ValueError(kept)
    raise Refusal("decode.damaged") from ValueError(kept)
