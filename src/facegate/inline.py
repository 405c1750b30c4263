"""The `inline` level: analysis in the worker's own process, for development and for systems without Linux.

The one place where the worker loads the analysis. Same commands, same results, same receipts, and what can be wiped is
wiped. Everything that needs a process of its own is missing: see `docs/levels.md`.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facegate.codes import Refusal, to_error
from facegate.engine import Engine
from facegate.errors import ChildCrashedError, FacegateError, RequestClosedError
from facegate.hosting import Facts
from facegate.memory.arena import ARENA_BYTES
from facegate.memory.regions import LINUX, new_region
from facegate.protections import Protection
from facegate.vision.engines.choose import workbench
from facegate.vision.recognize import Recognition
from facegate.vision.workbench import Workbench

if TYPE_CHECKING:
    from facegate.memory.regions import AnyRegion

END = "no child: inline"


class InlinePool:
    """Hands out stand-ins for a child that share one set of networks and take turns on them.

    Does not protect against: anything that a process of its own protects against. A hostile upload is parsed in the
    worker; memory that a decoder or a network freed, and the networks' own working memory, are not overwritten; a
    command that hangs cannot be ended.
    """

    def __init__(self, wanted: Mapping[str, Any] | None = None) -> None:
        """Load.

        Args:
            wanted: `facegate.policy.Policy.wanted`; not mediapipe, whose network nobody refuses here.

        Raises:
            PolicyError: what it names is not there, or is not what it says.
        """
        entry = (wanted or {}).get("recognizer")
        self._bench = workbench(Engine.of(wanted or {}))
        self._bench.recognition = None if entry is None else Recognition(entry)
        self._turn = threading.Lock()

    def take(self) -> InlineServer:
        """A server for one request."""
        return InlineServer(
            Workbench(self._bench.detector, self._bench.landmarker, self._bench.recognition), self._turn
        )

    def facts(self) -> Facts:
        """What there is of protection: that of the arena, on Linux."""
        return Facts(_found() if LINUX else [], self._bench.models())

    @property
    def ready(self) -> int:
        """Nothing is prepared."""
        return 0

    def wait_full(self, timeout: float) -> bool:  # noqa: ARG002
        """Nothing is prepared."""
        return True

    def close(self) -> None:
        """Nothing runs."""


class InlineServer:
    """Serves one request in the worker. Locks, times and ends as a child does, as far as a process can do so to itself.

    Args:
        workbench: of this request alone, but for its networks.
        turn: held while the networks are in use.
    """

    def __init__(self, workbench: Workbench, turn: threading.Lock) -> None:
        self.end: str | None = None
        self.arena: AnyRegion = new_region("arena", ARENA_BYTES, locked=LINUX)
        self._bench = workbench
        self._turn = turn
        self._killed = False
        self._bench.begin(self.arena.buffer())

    @property
    def declined(self) -> Mapping[str, int]:
        """No call is: there is no filter."""
        return {}

    def call(
        self,
        command: dict[str, Any],
        sources: Sequence[AnyRegion] = (),
        targets: Sequence[AnyRegion] = (),
        *,
        timeout: float,  # noqa: ARG002 - nobody could end it
        request_id: str,
        files: Sequence[int | AnyRegion] = (),
    ) -> dict[str, Any]:
        """Carry out one command in the calling thread.

        Raises:
            FacegateError: the analysis refused; the error is the one that its code stands for.
            ChildCrashedError: the analysis failed with an error of its own, which stays untold: it may quote a picture.
        """
        with self._turn:
            if self._killed:
                raise RequestClosedError("The request is over.", request_id=request_id)
            try:
                shared = [region.buffer() for region in (*sources, *targets)]
                return self._bench.perform(command, shared, *map(_given, files))
            except Exception as error:  # noqa: BLE001 - as a child would die of it
                failure = _failure(error, request_id)
                # The frames hold views of regions that are about to be unmapped.
                traceback.clear_frames(error.__traceback__)
        raise failure

    def kill(self) -> None:
        """Refuse further commands; one that runs goes on to its end."""
        self._killed = True

    def close(self) -> str:
        """Wait for a running command, overwrite the pixels and let go of the arena."""
        self.kill()
        with self._turn:
            if self.end is None:
                self._bench.end()
                self._bench.begin(memoryview(b""))
                self.end = END
        return self.end


def _given(file: int | AnyRegion) -> int | memoryview:
    """What a child would get: a descriptor of its own, or, where regions have none, their memory."""
    if isinstance(file, int):
        return os.dup(file)
    return os.dup(file.fd) if LINUX else file.buffer()


def _failure(error: Exception, request_id: str) -> FacegateError:
    if isinstance(error, Refusal):
        return to_error(error.code, request_id)
    if isinstance(error, MemoryError):
        return to_error("memory", request_id)
    return ChildCrashedError("The analysis failed.", request_id=request_id)


def _found() -> list[Protection]:
    from facegate.memory.report import arena_protections  # noqa: PLC0415

    return arena_protections(secret=False)
