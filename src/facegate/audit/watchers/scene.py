"""What one run of all channels shares: names of the controls, instruments, what has to be undone."""

from __future__ import annotations

import re
import resource
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

PREFIX: Final = "facegate-control-"


class Instrument(Protocol):
    """Shared by several channels; made when the first of them is armed."""

    def __init__(self, scene: Scene) -> None: ...

    def settle(self) -> None:
        """See to it that all that happened so far is seen; called before anybody looks."""

    def close(self) -> None:
        """Stop watching; idempotent."""


AnyInstrument = TypeVar("AnyInstrument", bound=Instrument)


class Scene:
    """One run; a context that undoes what its controls did.

    Attributes:
        token: in every name, address or text that a control of this run makes; random, so that two runs on one host
            do not take each other's controls for their own.
        concerns: whether an object that was kept is of interest; asked before it is found out who keeps it, which takes
            long.
        scratch: a folder for controls that need one, in the temporary directory; gone afterwards.
        notes: what each watcher remembers between `arm` and `look`.
        working: whether the workload runs.
        reaped: whether a process that the workload started has ended and was waited for.
        own_descriptors: what instruments opened in this process, which is no trace of the workload.
    """

    def __init__(self, concerns: Callable[[object], bool] = lambda _: True) -> None:
        self.concerns = concerns
        self.token = PREFIX + secrets.token_hex(6)
        self.scratch = Path(tempfile.mkdtemp(prefix=f"{self.token}."))
        self.notes: dict[str, Any] = {}
        self.own_descriptors: set[int] = set()
        self.working = self.reaped = False
        self._marked = re.compile(re.escape(self.token) + r"\.([a-z0-9-]+\.(?:before|after))")
        self._instruments: dict[type, Instrument] = {}
        self._acting = threading.local()
        self._undo = ExitStack()
        self._undo.callback(shutil.rmtree, self.scratch, ignore_errors=True)

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._undo:
            for instrument in reversed(self._instruments.values()):
                self._undo.callback(instrument.close)

    def instrument(self, kind: type[AnyInstrument]) -> AnyInstrument:
        """The run's instrument of that kind.

        Raises:
            UnavailableError: this host has none.
        """
        found = self._instruments.get(kind)
        if found is None:
            found = self._instruments[kind] = kind(self)
        return found  # type: ignore[return-value]

    def settle(self) -> None:
        """Have every instrument catch up."""
        with self.acting("the watchers", "own"):
            for instrument in tuple(self._instruments.values()):
                instrument.settle()

    @contextmanager
    def workload(self) -> Iterator[None]:
        """While the block lasts, the workload runs; every instrument has caught up at both ends."""
        self.settle()
        # The kernel adds a process that was waited for, and all below it, to this, whoever started it and how.
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        self.working = True
        try:
            yield
            self.settle()
        finally:
            self.working = False
            self.reaped = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt != before

    def mark(self, slug: str, phase: str) -> str:
        """The word that a control puts into whatever it makes."""
        return f"{self.token}.{slug}.{phase}"

    def marked(self, text: str) -> str:
        """Whose control's word is in the text, as ``slug.phase``; empty if none is."""
        found = self._marked.search(text)
        return "" if found is None else found.group(1)

    @contextmanager
    def acting(self, slug: str, phase: str) -> Iterator[None]:
        """While the block lasts, what this thread does is that control's doing."""
        outer, self._acting.who = self.actor, f"{slug}.{phase}"
        try:
            yield
        finally:
            self._acting.who = outer

    @property
    def actor(self) -> str:
        """Whose control this thread is carrying out, as ``slug.phase``; empty if none."""
        return str(getattr(self._acting, "who", ""))
