"""The worker's side of one child: send it commands, end it, learn how it ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from facegate.codes import to_error
from facegate.errors import ChildCrashedError, ProtocolError, SandboxSetupError, SandboxTimeoutError
from facegate.memory.region import Region
from facegate.protections import Protection
from facegate.sandbox import wire

KILLED_AT_PURGE = "killed at purge"
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

    Attributes:
        memory: whether the child's own memory is locked; known once it is ready.

    Does not protect against: nothing by itself; what binds the child is `facegate.sandbox.confine`.
    """

    def __init__(self, pid: int, pidfd: int, channel: socket.socket, arena: Region, reap: Callable[[int], str]) -> None:
        self.pid = pid
        self.arena = arena
        self.end: str | None = None
        self.memory: Protection | None = None
        self._pidfd = pidfd
        self._channel = channel
        self._reap = reap
        self._calling = threading.Lock()
        self._ending = threading.Lock()
        self._killed = False
        self._dying = False

    def wait_ready(self, timeout: float) -> None:
        """Wait until the child has warmed up, then seal the arena: from now on only its map and ours can store.

        Raises:
            SandboxSetupError: it died or is not confined.
        """
        self._channel.settimeout(timeout)
        try:
            header, descriptors = wire.receive(self._channel)
        except (EOFError, OSError):
            raise SandboxSetupError(f"A new child did not become ready ({self.bury()}).") from None
        wire.close_all(descriptors)
        if header.get("ready") is not True or header.get("threads") != 1:
            self.bury()
            raise SandboxSetupError("A new child was not ready to serve: it must have one thread.")
        self.memory = Protection(*header["memory"])  # honest still: it has received nothing
        self.arena.seal()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.end is None and not _readable(self._pidfd, 0.0)

    def call(
        self, command: dict[str, Any], descriptors: Sequence[int] = (), *, timeout: float, request_id: str
    ) -> dict[str, Any]:
        """Send one command and wait for its answer.

        Raises:
            FacegateError: the child refused; the error is the one that its code stands for. The child lives on.
            SandboxTimeoutError: no answer in time; the child was killed.
            ChildCrashedError: the child died; the message names how.
            ProtocolError: the answer was not one; the child was killed.
        """
        with self._calling:
            deadline = time.monotonic() + timeout
            try:
                self._channel.settimeout(timeout)
                wire.send(self._channel, command, descriptors)
                self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
                answer, extra = wire.receive(self._channel)
            except TimeoutError:
                self.kill()
                raise SandboxTimeoutError(
                    "The child took longer than the policy allows and was killed.", request_id=request_id
                ) from None
            except (EOFError, OSError):
                # A dying process closes its channel a moment before it is dead.
                self._dying = True
                end = self.bury()
                raise ChildCrashedError(f"The child died: {end}.", request_id=request_id) from None
            except ProtocolError as error:
                self.kill()
                raise ProtocolError(error.reason, request_id=request_id) from None
        if extra:
            wire.close_all(extra)
            self.kill()
            raise ProtocolError("The child sent descriptors, which it never may.", request_id=request_id)
        if "refused" in answer:
            raise to_error(str(answer["refused"]), request_id)
        return answer

    def kill(self) -> None:
        """Send SIGKILL at once; `bury` waits for the end."""
        with self._ending:
            if self.end is None and not self._killed:
                # Whoever is dead or dying already was not killed by us, and the receipt should say what did it.
                self._killed = not self._dying and not _readable(self._pidfd, 0.0)
                with suppress(ProcessLookupError):  # died in between, of a cause of its own
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def bury(self) -> str:
        """Make sure that the child is dead, and say how it ended; idempotent.

        Raises:
            SandboxTimeoutError: the kernel did not end the process in time.
        """
        self.kill()
        with self._ending:
            if self.end is None:
                if not _readable(self._pidfd, _DEATH_SECONDS):
                    raise SandboxTimeoutError("The kernel did not end the child in time.")
                status = self._reap(self.pid)
                self.end = KILLED_AT_PURGE if self._killed and status == "signal SIGKILL" else status
                os.close(self._pidfd)
            return self.end

    def close(self) -> str:
        """`bury`, then give the channel back; returns how the child ended."""
        end = self.bury()
        # A caller that was waiting for an answer has woken up by now, since the other end is gone; not before it has
        # let go may the descriptor's number be used again.
        with self._calling:
            self._channel.close()
        return end


def _readable(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
