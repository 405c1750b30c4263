"""One request on its whole way, with a fault in one stage: open, admit, analyze, look, redact, finish."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from facegate.audit.faults.cgroup import Cgroup
from facegate.audit.faults.table import SIGNALS
from facegate.audit.faults.witness import Witness

if TYPE_CHECKING:
    from facegate.audit.faults.forks import Forks
    from facegate.audit.faults.gate import FaultGate
    from facegate.audit.faults.plan import Plan
    from facegate.audit.faults.stand import Stand
    from facegate.custody import Custody
    from facegate.request import Request

PURPOSE: Final = "safety"
# Life of a request whose worker hangs, seconds.
SHORT_LIFE: Final = 0.5
_PATIENCE: Final = 20.0
GO_ON: Final = 2  # as in `bench`, which the worker must not import


class FaultError(Exception):
    """What a body or a source raises."""


@dataclass(slots=True)
class Course:
    """One request and what came of it.

    Attributes:
        plan: what happens to it.
        stand: picture and reference.
        forks: of the batch.
        wrong: found while it ran, in words.
        witness: None if the request never opened.
        error: what left the block; kept, with its frames, until memory was searched.
        fired: whether the fault was made, where its end alone does not say so.
        written: bytes that making the fault wrote.
    """

    plan: Plan
    stand: Stand
    forks: Forks
    wrong: list[str] = field(default_factory=list)
    witness: Witness | None = None
    error: BaseException | None = None
    fired: bool = False
    written: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)
    _cancel_task: Callable[[], object] | None = None
    _cgroup: Cgroup | None = None

    def run(self, gate: FaultGate, request_id: str) -> None:
        """Go the way; nothing is raised."""
        plan = self.plan
        hangs = plan.fault == "hang" and plan.stage in {"accept", "consume"}
        request = gate.open_request(request_id, purpose=PURPOSE, ttl=SHORT_LIFE if hangs else None)
        try:
            if plan.by_task:
                asyncio.run(self._in_a_task(request))
            else:
                with request:
                    self._begin(request)
                    self._go(request)
        except BaseException as error:  # noqa: BLE001 - also KeyboardInterrupt, which is one of the faults
            self.error = error
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._threads.clear()
        if self._cgroup is not None:
            self._cgroup.remove()
            self.written = self._cgroup.written

    def complaints(self) -> list[str]:
        """What is wrong, now that it is over."""
        if self.witness is None:
            return [f"the request never opened: {type(self.error).__name__}"]
        return self.wrong + self.witness.complaints(self.plan.ends)

    async def _in_a_task(self, request: Request) -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._cancel_task = lambda: loop.call_soon_threadsafe(task.cancel)  # type: ignore[union-attr]
        async with request as waited:
            self._begin(request)
            upload = await waited.admit(self._source(request), "image")
            faces = await waited.analyze(upload, scan="large")
            safe = await waited.redact(upload, keep=faces.subject)
            await waited.finish(safe, format="jpeg")

    def _go(self, request: Request) -> None:
        upload = request.admit(self._source(request), "image")
        faces = request.analyze(upload, scan="large")
        subject = faces.subject
        if subject is None or self.witness is None:
            self.wrong.append("nobody was found on the portrait")
            return
        self.witness.faces = faces
        with (
            subject.expose("landmarks") as xyz,
            subject.expose("embedding") as vector,
            upload.expose() as rgb,
        ):
            self.witness.views += [xyz, vector, rgb]
            if digest(xyz) != self.stand.person.digest:
                self.wrong.append("landmarks differ from the reference's, so the search would not know them")
            if self.plan.stage == "consume" and not self._act(request):
                return
            if self.plan.stage == "consume" and self.plan.fault != "fork":
                request.redact(upload)  # whoever goes on must be told
        safe = request.redact(upload, keep=subject)
        request.finish(safe, format="jpeg")

    def _source(self, request: Request) -> Any:
        if self.plan.stage != "accept":
            return self.stand.person.data
        return _Source(self.stand.person.data, lambda: self._act(request))

    def _begin(self, request: Request) -> None:
        self.witness = Witness(request)
        custody = _custody(request)
        child: Any = custody._child
        if self.plan.fault == "cgroup OOM":
            self._cgroup = Cgroup()
            self._cgroup.take(child.pid)
        if self.plan.in_child:
            with custody.working():
                custody.call(self.plan.command())
        if self.plan.needs_actor:
            self._start(lambda: self._when_held(request, custody))
        if self.plan.stage == "purge":
            self._meet_purge(request, custody, child)

    def _meet_purge(self, request: Request, custody: Custody, child: Any) -> None:
        """Act when purge begins: its first step is to kill the child."""
        kill = child.kill

        def killing() -> None:
            if custody.ending is not None and not self.fired:
                self.fired = True
                self._act(request)
            kill()

        child.kill = killing

    def _when_held(self, request: Request, custody: Custody) -> None:
        """Act when the child waits in the stage, which the last byte of its arena tells."""
        witness = self.witness
        until = time.monotonic() + _PATIENCE
        while witness is not None and not self.fired and custody.ending is None and time.monotonic() < until:
            time.sleep(0.0005)
            self.fired = witness.child_waits()
        if not self.fired:
            self.wrong.append("the child did not reach the stage")
            return
        self._act(request)
        if self.plan.fault == "fork":
            with custody._child.arena.buffer() as arena:
                arena[-1] = GO_ON

    def _act(self, request: Request) -> bool:
        """Make the fault in this thread of the worker; returns whether the caller goes on."""
        fault, stage = self.plan.fault, self.plan.stage
        custody = _custody(request)
        if fault in SIGNALS:
            self._signal(custody, signal.Signals[fault], wait=stage != "purge")
        elif fault == "hang":
            self._hang(custody)
        elif fault == "exception":
            self._raise(request)
        elif fault == "cancel":
            self._cancel(request, custody)
        elif fault == "fork":
            self.wrong += self.forks.make(self.witness.views if self.witness else [])
        elif fault == "client gone":
            return self._leave(request)
        elif fault == "worker killed":
            self.stand.held(stage)
        return True

    def _signal(self, custody: Custody, number: signal.Signals, *, wait: bool) -> None:
        child: Any = custody._child
        signal.pidfd_send_signal(child._pidfd, number)
        until = time.monotonic() + _PATIENCE
        while wait and child.alive and time.monotonic() < until:
            time.sleep(0.0005)

    def _hang(self, custody: Custody) -> None:
        if self.plan.stage == "purge":
            self._signal(custody, signal.SIGSTOP, wait=False)
            return
        until = time.monotonic() + _PATIENCE
        while custody.ending is None and time.monotonic() < until:
            time.sleep(0.002)

    def _raise(self, request: Request) -> None:
        secrets = [view[: len(view) // 2] for view in self.witness.views] if self.witness else []
        if self.plan.stage == "purge":
            raise KeyboardInterrupt
        del request
        raise FaultError(len(secrets))

    def _cancel(self, request: Request, custody: Custody) -> None:
        if self._cancel_task is not None:
            self._cancel_task()
            self._hang(custody)
            return
        thread = self._start(request.cancel)
        if self.plan.stage != "purge":  # who purges already is waited for by whoever cancels
            thread.join(_PATIENCE)

    def _leave(self, request: Request) -> bool:
        if self.plan.stage == "accept":
            raise ConnectionResetError(104, os.strerror(104))
        if self.plan.stage == "purge":
            self.stand.gone.add(request.request_id)
        elif self.plan.in_child:
            request.close()
        return False

    def _start(self, step: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=step, name="facegate-fault", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread


class _Source:
    """A file object that acts when it is asked for the second half."""

    def __init__(self, data: bytes, act: Callable[[], object]) -> None:
        self._data, self._at, self._act = memoryview(data), 0, act
        self._acted = False

    def readinto(self, buffer: memoryview) -> int:
        """As io.RawIOBase's."""
        left = self._data[self._at :]
        if self._at and not self._acted:
            self._acted = True
            self._act()
        piece = left[: min(len(buffer), len(self._data) // 2 + 1)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def digest(array: Any) -> str:
    """What tells two arrays apart without a copy of either."""
    return hashlib.sha256(memoryview(array)).hexdigest()


def _custody(request: Request) -> Custody:
    custody = request._custody
    assert custody is not None  # noqa: S101 - it is open
    return custody
