"""Everything that one request holds, and the one way in which all of it is let go."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from facegate.errors import (
    AdoptionError,
    ChildCrashedError,
    ProtocolError,
    PurgeError,
    RequestClosedError,
    SandboxError,
    SandboxTimeoutError,
    ViolationError,
)
from facegate.hosting import NOT_ENDED
from facegate.memory.adopted import Adoptions
from facegate.memory.arena import Product
from facegate.memory.wiped import Wiped
from facegate.quiet import empty_frames, quiet
from facegate.receipt import Outcome, Shared
from facegate.sharing.tally import Tally
from facegate.sizes import page_ceil

if TYPE_CHECKING:
    from facegate.categories import Category
    from facegate.hosting import Server
    from facegate.memory.regions import AnyRegion, AnyWindow

T = TypeVar("T")
HeldT = TypeVar("HeldT", bound="Held")


class Held(Protocol):
    """What custody can hold and let go: a region, or what has one."""

    name: str

    @property
    def size(self) -> int:
        """Bytes, at most."""

    @property
    def closed(self) -> bool:
        """Whether there is nothing left to wipe."""

    def wipe(self, used: int | None = None) -> Wiped:
        """Overwrite and read back; see `facegate.memory.region.Region.wipe`."""

    def close(self) -> None:
        """Let go; idempotent."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended; the first cause is kept.

    Attributes:
        outcome: one word, see `facegate.receipt`.
        error: class name of the error that ended it, or None.
    """

    outcome: Outcome
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did.

    Attributes:
        child_end: how the child ended.
        wiped: what every wipe did.
        seconds: how long it took, from the moment at which the request was over.
        declined: calls of the child that were declined.
        shared: what had left for partners until then.
    """

    child_end: str
    wiped: Sequence[Wiped]
    seconds: float
    declined: int
    shared: Sequence[Shared] = ()


class Custody:
    """A request's child, arena, media regions, windows and adopted objects.

    Invariants: `ending` is set once, before anything is let go, never for a request that goes on; `_busy` is held by
    whoever talks to the child or holds a media region, so purge, which kills the child first, waits for it only as long
    as that takes; windows open and close under `_state`, so none can appear once `ending` is set.

    Args:
        child: serves this request alone.
        request_id: for errors.
        timeout: longest time for one command, seconds.
        ended: called once, after everything was let go, with the ending and what was done.
    """

    def __init__(
        self,
        child: Server,
        request_id: str,
        timeout: float,
        ended: Callable[[Ending, Purged], None],
    ) -> None:
        self.request_id = request_id
        self.ending: Ending | None = None
        self._child = child
        self._timeout = timeout
        self._ended = ended
        self._busy = threading.RLock()
        self._state = threading.Lock()
        self._gone = threading.Event()
        self._purging = self._let_go = False
        self._child_end = ""
        self._owner = os.getpid()
        self._windows: dict[AnyWindow, AnyRegion] = {}
        self._regions: dict[Held, int | None] = {}
        self._analysis = 0
        self._wiped: list[Wiped] = []
        self._adoptions = Adoptions()
        self._tally = Tally()

    def check_open(self) -> None:
        """Raise unless the request is open.

        Raises:
            RequestClosedError: it is over; the message says how it ended.
        """
        if os.getpid() != self._owner:
            raise RequestClosedError("A request belongs to the process that opened it.", request_id=self.request_id)
        if self.ending is not None:
            raise _closed(self.ending, self.request_id)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the child for one operation; its death or silence ends the request.

        Raises:
            SandboxError: the child crashed, hung or broke the protocol; everything was purged.
            RequestClosedError: the request was ended meanwhile, by another thread or its time to live.
        """
        try:
            with self._busy:
                self.check_open()
                yield
        except SandboxError as error:
            # Ended from outside while the child was at work: then the child's death is no crash, but that ending.
            if self.ending is not None:
                raise _closed(self.ending, self.request_id) from None
            self.end(Ending(_outcome_of(error), type(error).__name__))
            raise

    @property
    def timeout(self) -> float:
        """Longest time for one command, seconds."""
        return self._timeout

    def call(
        self,
        command: dict[str, Any],
        sources: Sequence[AnyRegion] = (),
        targets: Sequence[AnyRegion] = (),
        files: Sequence[int | AnyRegion] = (),
    ) -> dict[str, Any]:
        """Have the child carry out a command on regions that it reads and others that it writes; inside `working`.

        Args:
            command: ``do`` names it.
            sources: regions that the child reads.
            targets: regions that it writes to.
            files: descriptors open for reading only, or sealed regions, that it reads piece by piece.
        """
        return self._child.call(
            command, sources, targets, files=files, timeout=self._timeout, request_id=self.request_id
        )

    def hold(self, region: HeldT, used: int | None = None) -> HeldT:
        """Take over a region, to be wiped at purge at the latest; only inside `working`.

        Args:
            region: now custody's.
            used: bytes of it that were ever touched, all by default.
        """
        self._regions[region] = used
        return region

    def holds(self, region: Held) -> bool:
        """Whether it is held and was not let go; only inside `working`."""
        return region in self._regions

    @quiet
    def release(self, region: Held, used: int | None = None) -> None:
        """Wipe and close a region now, if purge has not done so already.

        Raises:
            PurgeError: it was not zero, and the receipt that could say so is signed already.
        """
        with self._busy:
            held = self._regions.pop(region, None)
            if region.closed:
                return
            wiped = _wiped(region, held if used is None else used)
            self._wiped.append(wiped)
            region.close()
            if wiped.bytes_nonzero and self._let_go:
                raise PurgeError(
                    f"The region {region.name} was not zero after its wipe.",
                    residuals=(region.name,),
                    request_id=self.request_id,
                )

    def drop(self, region: Held) -> None:
        """`release` what is held, if it is."""
        with self._busy:
            if self.holds(region):
                self.release(region)

    def begin_analysis(self) -> int:
        """Revoke what is exposed of the last analysis, whose place the next takes; return the next's number."""
        with self._state:
            self._analysis += 1
            self._revoke(lambda region: region is self._child.arena)
            return self._analysis

    def is_latest(self, analysis: int) -> bool:
        """Whether no later analysis was begun."""
        return analysis == self._analysis

    def open_product(self, analysis: int, product: Product) -> AnyWindow:
        """A window on one product of the arena.

        Raises:
            RequestClosedError: the request is over, or a later analysis took the place of this one.
        """
        with self._state:
            self.check_open()
            if analysis != self._analysis:
                raise RequestClosedError("A later analysis took the place of this one.", request_id=self.request_id)
            return self._window(self._child.arena, *product.window)

    def open_region(self, region: AnyRegion) -> AnyWindow:
        """A window on a whole held region."""
        with self._state:
            self.check_open()
            return self._window(region, 0, region.size)

    def close_window(self, window: AnyWindow) -> None:
        """Revoke a window."""
        with self._state:
            self._windows.pop(window, None)
            window.revoke()

    def adopt(self, value: T) -> T:
        """Take over what the worker made, to be zeroed at purge; the same object is returned.

        Raises:
            AdoptionError: it is of no known type, or another open request has it.
            RequestClosedError: the request is over.
        """
        with self._state:
            self.check_open()
            try:
                self._adoptions.take(value)
            except AdoptionError as error:
                raise AdoptionError(error.reason, request_id=self.request_id) from None
        return value

    def note_shared(self, partner: str, category: Category, size: int) -> None:
        """Count what is about to be handed out; nothing may be once the receipt no longer takes it.

        Raises:
            RequestClosedError: the request is over.
        """
        with self._state:
            self.check_open()
            self._tally.add(partner, category, size)

    def _window(self, region: AnyRegion, offset: int, length: int) -> AnyWindow:
        window = region.window(offset, length)
        self._windows[window] = region
        return window

    def _revoke(self, which: Callable[[AnyRegion], bool]) -> None:
        for window, region in list(self._windows.items()):
            if which(region):
                window.revoke()
                del self._windows[window]

    def kill(self, ending: Ending) -> None:
        """End the child at once, for the reason given, without waiting; `end` must follow."""
        with self._state:
            self.ending = self.ending or ending
        self._child.kill()

    @quiet
    def end(self, ending: Ending) -> None:
        """Purge: end the child, revoke windows, wipe and read back all that is held. Idempotent; the first cause stays.

        Returns when everything is gone, also when another thread began it. What cannot be wiped, or could still be
        stored to since its child would not die, is a residual; all else goes all the same.
        """
        if os.getpid() != self._owner:
            return  # a fork of the worker holds no arena, and must not end its parent's child
        with self._state:
            self.ending = self.ending or ending
            first, self._purging = not self._purging, True
        if not first:
            self._gone.wait()
            return
        begun = time.monotonic()
        interrupted: BaseException | None = None
        try:
            while not self._let_go:
                try:
                    self._purge()
                except (KeyboardInterrupt, SystemExit) as error:
                    # Whoever presses Ctrl-C again wants to be out, not to leave a face behind: that comes afterwards.
                    interrupted = error
            declined = sum(self._child.declined.values())
            seconds, shared = time.monotonic() - begun, self._tally.counted()
            self._ended(self.ending, Purged(self._child_end, self._wiped, seconds, declined, shared))
        finally:
            self._gone.set()
        if interrupted is not None:
            raise interrupted

    def finish(self) -> None:
        """End, with an output. What ended the request first, a withdrawal for one, also takes the output.

        Raises:
            RequestClosedError: something else did; the message says what.
        """
        self.end(Ending("finished"))
        if self.ending is not None and self.ending.outcome != "finished":
            raise _closed(self.ending, self.request_id)

    def _purge(self) -> None:
        """Let go of everything that is held; goes on where it was when it was interrupted."""
        self._child.kill()
        with self._state:
            self._revoke(lambda _: True)
        with self._busy:
            # Not before the child is dead may its arena be wiped: it could still store.
            self._child_end = self._child.close()
            self._regions.setdefault(self._child.arena, None)
            while self._regions:
                region, used = next(iter(self._regions.items()))
                if not region.closed:
                    wiped = _wiped(region, used)
                    self._wiped.append(wiped.unshown() if self._child_end == NOT_ENDED else wiped)
                    region.close()
                del self._regions[region]
            self._wiped.extend(self._adoptions.wipe())
            self._let_go = True


def _wiped(region: Held, used: int | None) -> Wiped:
    try:
        return region.wipe(used)
    except Exception as error:  # noqa: BLE001 (whatever it was: purge goes on, and this is a residual)
        empty_frames(error)
        size = region.size if used is None else page_ceil(used)
        return Wiped(region.name, size, 0, size)


def _closed(ending: Ending, request_id: str) -> RequestClosedError:
    return RequestClosedError(f"The request is over: {ending.outcome}.", request_id=request_id)


def _outcome_of(error: SandboxError) -> Outcome:
    if isinstance(error, SandboxTimeoutError):
        return "timeout"
    return "child-crashed" if isinstance(error, (ChildCrashedError, ProtocolError, ViolationError)) else "exception"
