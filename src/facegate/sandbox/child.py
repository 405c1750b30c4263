"""The worker's side of one child: send it commands, end it, learn how it ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from facegate.codes import to_error
from facegate.errors import (
    ChildCrashedError,
    ProtocolError,
    SandboxError,
    SandboxSetupError,
    SandboxTimeoutError,
    ViolationError,
)
from facegate.hosting import NOT_ENDED
from facegate.memory.region import Region
from facegate.protections import Protection
from facegate.sandbox import wire
from facegate.sandbox.limits import make_room_for_video
from facegate.sandbox.listener import NOTHING, Listener
from facegate.sandbox.seccomp.rules import LATER

if TYPE_CHECKING:
    from facegate.memory.regions import AnyRegion

KILLED_AT_PURGE: Final = "killed at purge"
VIOLATION: Final = "violation "
_DEATH_SECONDS = 10.0


class Child:
    """One child and its arena. Made for one request; afterwards both are gone.

    `call` may be used from any thread, one command at a time. `kill` never waits for a command, which is how a timeout,
    a cancellation or an expired request ends one that hangs.

    Args:
        pid: as the zygote sees it.
        pidfd: the process for certain, also after the number was reused; owned here.
        channel: the worker's end; owned here.
        arena: mapped by the child, not yet sealed; owned here.
        reap: asks the zygote how a dead child ended.
        declines: forbidden calls that fail with an errno instead of ending the child; see `facegate.sandbox.listener`.

    Attributes:
        memory: whether the child's own memory is locked; known once it is ready.

    Does not protect against: nothing by itself; what binds the child is `facegate.sandbox.confine`.
    """

    def __init__(
        self,
        pid: int,
        pidfd: int,
        channel: socket.socket,
        arena: Region,
        reap: Callable[[int], str],
        declines: Mapping[str, int] = NOTHING,
    ) -> None:
        self.pid = pid
        self.arena = arena
        self.end: str | None = None
        self.memory: Protection | None = None
        self._pidfd = pidfd
        self._channel = channel
        self._reap = reap
        self._declines = declines
        self._listener: Listener | None = None
        self._calling = threading.Lock()
        self._ending = threading.RLock()
        self._killed = False
        self._dying = False

    def wait_ready(self, timeout: float) -> None:
        """Wait until the child has warmed up, then seal the arena: from now on only its map and ours can store.

        Raises:
            SandboxSetupError: it died or is not confined.
        """
        self._channel.settimeout(timeout)
        try:
            self._take_listener()
            header = self._receive(timeout)
        except (EOFError, OSError, SandboxError):
            raise SandboxSetupError(f"A new child did not become ready ({self.bury()}).") from None
        if header.get("ready") is not True or header.get("threads") != 1:
            self.bury()
            raise SandboxSetupError("A new child was not ready to serve: it must have one thread.")
        self.memory = Protection(*header["memory"])  # honest still: it has received nothing
        self.arena.seal()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.end is None and not _readable(self._pidfd, 0.0) and not self._violating()

    def call(
        self,
        command: dict[str, Any],
        sources: Sequence[AnyRegion] = (),
        targets: Sequence[AnyRegion] = (),
        *,
        timeout: float,
        request_id: str,
        files: Sequence[int | AnyRegion] = (),
    ) -> dict[str, Any]:
        """Send one command and wait for its answer.

        Args:
            command: ``do`` names it.
            sources: regions that the child reads.
            targets: regions that it writes to.
            timeout: seconds until it is killed.
            request_id: for errors.
            files: what it reads piece by piece and keeps: descriptors that must be open for reading only, or sealed
                regions.

        Raises:
            FacegateError: the child refused; the error is the one that its code stands for. The child lives on.
            SandboxTimeoutError: no answer in time; the child was killed.
            ViolationError: the child tried a forbidden system call; it was killed.
            ChildCrashedError: the child died; the message names how.
            ProtocolError: the answer was not one; the child was killed.
        """
        with self._calling:
            deadline = time.monotonic() + timeout
            try:
                self._channel.settimeout(timeout)
                shared = [each if isinstance(each, int) else each.fd for each in (*files, *sources, *targets)]
                if files:
                    make_room_for_video(self.pid)
                counts = {"sources": len(sources)} | ({"files": len(files)} if files else {})
                wire.send(self._channel, command | counts, shared)
                answer = self._receive(max(deadline - time.monotonic(), 0.001))
            except TimeoutError:
                self.kill()
                raise SandboxTimeoutError(
                    "The child took longer than the policy allows and was killed.", request_id=request_id
                ) from None
            except (EOFError, OSError):
                # A dying process closes its channel a moment before it is dead.
                self._dying = True
                raise _error_of(self.bury(), request_id) from None
            except ProtocolError as error:
                self.kill()
                raise ProtocolError(error.reason, request_id=request_id) from None
        if "refused" in answer:
            raise to_error(answer["refused"], request_id)
        return answer

    def _take_listener(self) -> None:
        """The child's first message: what tells of its violations, if the host has that."""
        header, descriptors = wire.receive(self._channel)
        if header.get("listener") is True and len(descriptors) == 1:
            self._listener = Listener(descriptors[0], self._declines)
            return
        wire.close_all(descriptors)
        if header.get("listener") is not False:
            raise ProtocolError("A new child did not begin as it must.")

    def _receive(self, timeout: float) -> dict[str, Any]:
        """The child's next message; a violation, which keeps it from answering, ends the waiting.

        Raises:
            EOFError: it is dead, or tried what it may not and is as good as dead.
            TimeoutError: nothing came.
            ProtocolError: what came was no answer.
        """
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        if self._listener is not None:
            waiting.register(self._listener, select.POLLIN)
        deadline = time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            ready = dict(waiting.poll(left * 1000))
            if self._violating():
                raise EOFError
            if not ready:
                raise TimeoutError
            # A declined call alone is no answer. Whoever is dead makes no more calls, and the channel says so.
            if self._channel.fileno() in ready or any(events & ~select.POLLIN for events in ready.values()):
                break
        self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
        answer, extra = wire.receive(self._channel)
        if extra:
            wire.close_all(extra)
            raise ProtocolError("The child sent descriptors, which it never may.")
        return answer

    def _violating(self) -> bool:
        """Whether the child hangs in a forbidden call; those to be declined are."""
        with self._ending:
            return self._listener is not None and self._listener.look()

    @property
    def declined(self) -> dict[str, int]:
        """How often the child tried each of the calls that are declined; after its end too."""
        with self._ending:
            return {} if self._listener is None else dict(self._listener.declined)

    def kill(self) -> None:
        """Send SIGKILL at once; `bury` waits for the end."""
        with self._ending:
            if self.end is None and not self._killed:
                # Looked for before every kill, so that what a child tried while nobody waited for it is on the receipt.
                self._violating()
                # Whoever is dead or dying already was not killed by us, and the receipt should say what did it.
                self._killed = not self._dying and not _readable(self._pidfd, 0.0)
                with suppress(ProcessLookupError):  # died in between, of a cause of its own
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def bury(self) -> str:
        """Make sure that the child is dead, and say how it ended, or `NOT_ENDED`; idempotent."""
        self.kill()
        with self._ending:
            if self.end is None:
                died = _readable(self._pidfd, _DEATH_SECONDS)
                self.end = self._named(self._reap(self.pid)) if died else NOT_ENDED
                os.close(self._pidfd)
                if self._listener is not None:
                    self._listener.close()
            return self.end

    def _named(self, status: str) -> str:
        if self._listener is not None and self._listener.violation is not None:
            return VIOLATION + self._listener.violation
        if status == "signal SIGSYS":
            # Where there is a listener, one call alone ends a child so.
            return status if self._listener is None else VIOLATION + LATER
        return KILLED_AT_PURGE if self._killed and status == "signal SIGKILL" else status

    def close(self) -> str:
        """`bury`, then give the channel back; returns how the child ended."""
        end = self.bury()
        # A caller that was waiting for an answer wakes up, if it has not since the other end is gone; not before it has
        # let go may the descriptor's number be used again.
        with suppress(OSError):  # closed before
            self._channel.shutdown(socket.SHUT_RDWR)
        with self._calling:
            self._channel.close()
        return end


def _error_of(end: str, request_id: str) -> SandboxError:
    """What a child's end, other than by us, is to the caller."""
    if end.startswith(VIOLATION):
        name = end.removeprefix(VIOLATION)
        return ViolationError(
            f"The child tried the forbidden system call {name} and was killed.", syscall=name, request_id=request_id
        )
    if end == "signal SIGSYS":
        return ViolationError("The child tried a forbidden system call and was killed (SIGSYS).", request_id=request_id)
    if end == "signal SIGXCPU":
        return SandboxTimeoutError(
            "The child used more processor time than the policy allows and was killed (SIGXCPU).", request_id=request_id
        )
    if end == NOT_ENDED:
        return SandboxTimeoutError("The kernel did not end the child in time.", request_id=request_id)
    return ChildCrashedError(f"The child died: {end}.", request_id=request_id)


def _readable(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
