"""Channels of the child's own system calls: what the kernel's filter catches it at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from facegate.audit.watchers.base import BEFORE, Observation, UnavailableError, Watcher
from facegate.audit.watchers.processes import Processes
from facegate.audit.watchers.scene import Scene
from facegate.errors import FacegateError
from facegate.sandbox.seccomp.refused import REFUSED

VIOLATION: Final = "violation "
_SECONDS: Final = 20.0


class Ends:
    """How every child of this process ended, and what it was caught at."""

    def __init__(self, scene: Scene) -> None:
        from facegate.sandbox.child import Child

        self.ends: dict[int, tuple[str, dict[str, int], str]] = {}
        original = Child.bury

        def bury(child: Child) -> str:
            end = original(child)
            _, _, control = self.ends.get(child.pid, ("", {}, scene.actor))
            self.ends[child.pid] = end, child.declined, control
            return end

        setattr(Child, "bury", bury)
        self._restore: Callable[[], None] | None = lambda: setattr(Child, "bury", original)

    def settle(self) -> None:
        """A child is buried before its request ends."""

    def close(self) -> None:
        """Put the method back."""
        if self._restore is not None:
            self._restore()
            self._restore = None


class Forbidding:
    """A zygote of its own, with every protection, whose children try forbidden acts."""

    def __init__(self, scene: Scene) -> None:
        from facegate.sandbox.budget import Budget
        from facegate.sandbox.host import Zygote
        from facegate.sandbox.seccomp.install import supported

        if (why := supported()) is not None:
            raise UnavailableError(f"seccomp: {why}")

        class ActingZygote(Zygote):
            program: ClassVar[tuple[str, ...]] = ("-m", "facegate.audit.watchers.acts")

        try:
            self._zygote = ActingZygote(Budget(memory=1 << 30, cpu=2), secret=False)
        except (FacegateError, OSError) as error:
            raise UnavailableError(f"a zygote for controls: {error}") from None
        scene.instrument(Processes).controls.add(self._zygote.pid)

    def attempt(self, act: str) -> None:
        """Have a child of its own carry it out, and bury it."""
        child = self._zygote.fork(warm=False)
        try:
            child.call({"act": act}, timeout=_SECONDS, request_id="control")
        except FacegateError:
            return  # the filter caught it, as it should; what it was caught at is how it ended
        finally:
            child.close()
            child.arena.close()

    def settle(self) -> None:
        """Its children are buried one by one."""

    def close(self) -> None:
        """End it."""
        self._zygote.close()


def _calls(*reasons: str) -> frozenset[str]:
    return frozenset(call for reason in reasons for call in REFUSED[reason].split())


@dataclass(frozen=True)
class Forbidden(Watcher):
    """Forbidden calls of one kind.

    Attributes:
        reason: why they are forbidden, in the words of `facegate.sandbox.seccomp.refused`; empty for all the others.
        also: calls that are allowed in part, and so are in no list.
        do: what the child of the control tries.
    """

    reason: str
    also: frozenset[str]
    do: str

    def arm(self, scene: Scene) -> None:
        scene.instrument(Ends)

    def act(self, scene: Scene, phase: str) -> None:
        scene.instrument(Forbidding).attempt(self.do)

    def look(self, scene: Scene) -> Iterator[Observation]:
        for pid, (end, declined, control) in list(scene.instrument(Ends).ends.items()):
            caught: list[Any] = [*declined, *([end.removeprefix(VIOLATION)] if end.startswith(VIOLATION) else [])]
            for call in caught:
                if self._concerns(call):
                    yield Observation(f"the system call {call}", f"child {pid}", control)

    def _concerns(self, call: str) -> bool:
        return call in self.also or (call in _calls(self.reason) if self.reason else call not in _NAMED)


_FILES: Final = "no file is made or gets another length or content"
_NAMES: Final = "no name is made, moved or taken away"
_SOCKETS: Final = "no socket of any family, so no connection and no name looked up"
_PROGRAMS: Final = "no program is run"
_MEMORY: Final = "no memory that others could share or that outlives the process"
_OPENS: Final = frozenset({"open", "openat"})
_NAMED: Final = _calls(_FILES, _NAMES, _SOCKETS, _PROGRAMS) | _OPENS


def table() -> tuple[Watcher, ...]:
    """Channels of the child's system calls."""
    how = "the listener of the kernel's filter, and how every child ended"
    return (
        Forbidden("child's calls: files", how, "a child opens a file to write", _FILES, _OPENS, "write"),
        Forbidden("child's calls: names of files", how, "a child renames a file", _NAMES, frozenset(), "rename"),
        Forbidden("child's calls: sockets", how, "a child opens a socket", _SOCKETS, frozenset(), "connect"),
        Forbidden("child's calls: programs", how, "a child runs a program", _PROGRAMS, frozenset(), "run"),
        Forbidden("child's calls: all others", how, "a child asks for a memory file", "", frozenset(), "anonymous"),
    )


__all__ = ["BEFORE", "Ends", "Forbidden", "Forbidding", "table"]
