"""The worker's side of the zygote: start it, have it fork, ask how a child ended, replace it when it died."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, ClassVar, Final

from facegate.engine import Engine
from facegate.errors import PolicyError, ProtectionError, SandboxError, SandboxSetupError
from facegate.memory.arena import ARENA_BYTES, new_arena
from facegate.memory.secret import secret_memory
from facegate.policy import Policy
from facegate.protections import Protection
from facegate.sandbox import wire
from facegate.sandbox.budget import Budget
from facegate.sandbox.child import Child
from facegate.sandbox.listener import NOTHING

# All that the zygote's environment holds. One thread per library, or it could not fork; freed memory overwritten, so
# that it does not lie about in a child's heap (glibc does not overwrite what goes to its thread caches, so there are
# none); no bytecode files. Few arenas: each reserves 64 MiB of the address space that a child may use, and a video has
# dozens of threads, whose frames come from pools.
ENVIRONMENT: Final = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0:glibc.malloc.arena_max=4",
}
_START_SECONDS: Final = 120.0
_REPLY_SECONDS: Final = 15.0
_LOST: Final = "lost with the zygote"


class Zygote:
    """A running zygote. Thread-safe; commands take turns.

    Args:
        budget: what each child may use; by default enough for the default policy.
        secret: make arenas in secret memory, which this host must have; by default where it has.
        wanted: what to load besides: `facegate.policy.Policy.wanted`.

    Attributes:
        protections: what the zygote found about itself, and so about its children, under the names of
            `facegate.protections.TABLE`; what this host lacks is among them.
        models: SHA-256 of each network that it loaded.
        secret: whether arenas are made in secret memory.

    Raises:
        PolicyError: what the policy would have it load is not there, or is not what it says.
        ProtectionError: this is not Linux.
        SandboxSetupError: it did not start, or a protection did not take; the message has its own words.
    """

    # What is run; tests of the sandbox put a workbench of their own in the same zygote by a program of their own.
    program: ClassVar[tuple[str, ...]] = ("-m", "facegate.sandbox.zygote")
    # Forbidden calls, by name, that fail with an errno instead of ending the child: none, for the engine that facegate
    # ships. It is the class, and the table of `facegate.engine`, that say so, not a policy: whoever needs it names the
    # calls in code, with the library.
    declines: ClassVar[Mapping[str, int]] = NOTHING

    def __init__(
        self, budget: Budget | None = None, *, secret: bool | None = None, wanted: Mapping[str, Any] | None = None
    ) -> None:
        if sys.platform != "linux":
            raise ProtectionError("The child process needs Linux: Landlock, memfd, pidfd.")
        self.secret = secret_memory(ARENA_BYTES).state == "achieved" if secret is None else secret
        self._turn = threading.Lock()
        self._engine = Engine.of(wanted or {})
        granted = budget or Budget.of(Policy())
        self._control, theirs = wire.pair()
        # A memfd takes what it prints while it starts, when it has seen nobody's data; a pipe could fill up and block.
        log = os.memfd_create("facegate-zygote-log", os.MFD_CLOEXEC)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    # -P and -s: only what is installed may be imported, nothing from the current or the user's folder.
                    [
                        sys.executable,
                        "-P",
                        "-s",
                        *self.program,
                        *map(str, (theirs.fileno(), *astuple(granted))),
                    ],
                    env=ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    cwd="/",
                    umask=0o077,
                    # Ctrl-C in a terminal is for the worker, which then purges in order.
                    start_new_session=True,
                )
            self.protections, self.models = self._wait_ready(log, dict(wanted or {}))
        except BaseException:
            self.close()
            raise
        finally:
            os.close(log)

    def _wait_ready(self, log: int, wanted: dict[str, Any]) -> tuple[list[Protection], dict[str, str]]:
        self._control.settimeout(_START_SECONDS)
        try:
            wire.send(self._control, wanted)
            ready, _ = wire.receive(self._control)
        except (EOFError, OSError):
            said = os.pread(log, 1 << 16, 0).decode(errors="replace").strip().splitlines()
            raise SandboxSetupError(f"The zygote did not start: {said[-1] if said else 'it said nothing'}") from None
        if ready.get("policy") is True:
            raise PolicyError(str(ready.get("reason")))
        if ready.get("ready") is not True:
            raise SandboxSetupError(f"The zygote did not start: {ready.get('reason')}")
        self._control.settimeout(_REPLY_SECONDS)
        return [Protection(*triple) for triple in ready["protections"]], ready["models"]

    @property
    def pid(self) -> int:
        """Process ID of the zygote."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def fork(self, *, warm: bool) -> Child:
        """Fork a child with an arena of its own and wait until it is ready.

        Args:
            warm: have it warm up first; for a spare, not for a request that waits.

        Raises:
            LockLimitError: the arena could not be locked.
            ProtectionError: there is no secret memory any more.
            SandboxError: the zygote is gone, or the child did not become ready.
        """
        arena = new_arena(secret=self.secret)
        ours, theirs = wire.pair()
        try:
            with theirs:
                answer, descriptors = self._ask({"do": "fork", "warm": warm}, [theirs.fileno(), arena.fd])
            child = Child(answer["pid"], descriptors[0], ours, arena, self.reap, self._declined())
        except BaseException:
            ours.close()
            arena.close()
            raise
        try:
            child.wait_ready(_REPLY_SECONDS)
            # Receipts say what the zygote found when it rehearsed this; a child that differs must not serve.
            if child.memory not in self.protections:
                raise SandboxSetupError("A new child has its memory locked otherwise than the zygote rehearsed it.")
        except BaseException:
            child.close()
            arena.close()
            raise
        return child

    def _declined(self) -> Mapping[str, int]:
        return self.declines if self._engine.shipped else {**self.declines, **self._engine.declines}

    def reap(self, pid: int) -> str:
        """How a dead child ended, e.g. ``signal SIGSEGV``; never raises, since purge goes on without the answer."""
        try:
            answer, _ = self._ask({"do": "reap", "pid": pid})
        except SandboxError:
            return _LOST
        return str(answer["status"])

    def close(self) -> None:
        """End the zygote, and with it every child; idempotent."""
        self._control.close()
        process: subprocess.Popen[bytes] | None = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()

    def _ask(self, command: dict[str, Any], descriptors: list[int] | None = None) -> tuple[dict[str, Any], list[int]]:
        with self._turn:
            try:
                wire.send(self._control, command, descriptors or [])
                return wire.receive(self._control)
            except (EOFError, OSError):
                raise SandboxError("The zygote is gone.") from None
