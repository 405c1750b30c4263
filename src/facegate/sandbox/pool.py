"""Children kept forked and warm, so that opening a request takes one from a list."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from facegate.errors import FacegateError, LockLimitError, RequestClosedError
from facegate.hosting import Facts
from facegate.logs import log
from facegate.memory.report import arena_protections
from facegate.sandbox.budget import Budget
from facegate.sandbox.child import Child
from facegate.sandbox.host import Zygote

_PATIENCE = 0.015  # seconds
_MAKING_SECONDS = 15.0


class SparePool:
    """A zygote and its waiting children; a dead zygote is replaced. Thread-safe.

    Args:
        size: children to keep waiting; 0 forks one when it is asked for.
        accept: called with the facts of every new zygote before it forks; raises to refuse it.
        budget: what each child may use; by default enough for the default policy.
        secret: make arenas in secret memory, which this host must have.
        wanted: what zygotes load besides: `facegate.policy.Policy.wanted`.

    Raises:
        LockLimitError: an arena could not be locked.
        PolicyError: what the policy would have loaded is not there, or is not what it says.
        ProtectionError: the zygote was refused.
        SandboxSetupError: the zygote did not start.
    """

    # What forks the children; the audit has one of its own, whose children fail at a place of its choosing.
    kind: ClassVar[type[Zygote]] = Zygote

    def __init__(
        self,
        size: int,
        accept: Callable[[Facts], object],
        budget: Budget | None = None,
        *,
        secret: bool = False,
        wanted: Mapping[str, Any] | None = None,
    ) -> None:
        self._size = size
        self._accept = accept
        self._budget = budget
        self._secret = secret
        self._wanted = wanted
        self._memory = arena_protections(secret=secret)
        self._zygote = self._start()
        self._zygote_guard = threading.Lock()
        self._spares: deque[Child] = deque()
        self._changed = threading.Condition()
        self._making = False  # a spare, whose arena is locked already; guarded by `_changed`
        self._closing = threading.Event()
        self._refiller = threading.Thread(target=self._refill, name="facegate-spares", daemon=True)
        if size:
            self._refiller.start()

    def take(self) -> Child:
        """A child that serves nobody yet: a spare, or a new one when there is none.

        Raises:
            SandboxError: none could be made.
            LockLimitError: the arena could not be locked.
        """
        while (child := self._pop()) is not None:
            if child.alive:
                return child
            discard(child)
        try:
            return self.zygote().fork(warm=False)
        except LockLimitError:
            # Below a small lock limit the arena of the spare in the making may be what this one has no room beside.
            child = self._finished()
            if child is None:
                raise
            return child

    def _finished(self) -> Child | None:
        """The spare that is being made, once it is ready; None if there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._spares or not self._making, _MAKING_SECONDS)
            return self._spares.popleft() if self._spares else None

    def zygote(self) -> Zygote:
        """The zygote; a new one if the last has died."""
        replaced = False
        with self._zygote_guard:
            if self._closing.is_set():
                raise RequestClosedError("The gate is closed.")
            if not self._zygote.alive:
                self._zygote.close()
                self._zygote = self._start()
                replaced = True
            zygote = self._zygote
        if replaced:
            log("sandbox", "zygote.replaced")
        return zygote

    def facts(self) -> Facts:
        """What every child is: what the zygote read back, and the memory that results live in."""
        return self._facts_of(self.zygote())

    def _start(self) -> Zygote:
        zygote = self.kind(self._budget, secret=self._secret, wanted=self._wanted)
        try:
            self._accept(self._facts_of(zygote))
        except BaseException:
            zygote.close()
            raise
        return zygote

    def _facts_of(self, zygote: Zygote) -> Facts:
        return Facts([*self._memory, *zygote.protections], zygote.models)

    def close(self) -> None:
        """End the spares and the zygote; idempotent."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        if self._refiller.is_alive():
            self._refiller.join()
        while self._spares:
            discard(self._spares.pop())
        self._zygote.close()

    def _pop(self) -> Child | None:
        with self._changed:
            child = self._spares.popleft() if self._spares else None
            self._changed.notify_all()
            return child

    def _refill(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or len(self._spares) < self._size)
                # While another spare waits, a moment's patience keeps the new one's warming-up off the cores on which
                # the request that took the last is at work.
                while self._spares and not self._closing.is_set() and self._changed.wait(_PATIENCE):
                    pass
                if self._closing.is_set():
                    return
                self._making = True
            # What goes wrong here goes wrong again in `take`, where somebody can be told; until the next change.
            child: Child | None = None
            try:
                child = self.zygote().fork(warm=True)
            except (FacegateError, OSError, MemoryError) as error:
                log("sandbox", "spare.failed", error=type(error).__name__)
            with self._changed:
                self._making = False
                if child is None:
                    self._changed.notify_all()
                    self._changed.wait(1.0)
                elif self._closing.is_set():
                    discard(child)
                else:
                    self._spares.append(child)
                    self._changed.notify_all()

    @property
    def ready(self) -> int:
        """Spares that wait."""
        return len(self._spares)

    def wait_full(self, timeout: float) -> bool:
        """Wait until all spares are ready; for benchmarks and tests."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._spares) >= self._size, timeout)


def discard(child: Child) -> None:
    """End a child that never served and give its arena back."""
    child.close()
    child.arena.close()
