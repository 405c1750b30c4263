"""Where a gate's analysis runs: children of a zygote, or, where the policy accepts that, the worker itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from facegate.errors import LockLimitError, ProtectionError
from facegate.memory.regions import LINUX
from facegate.policy import Policy
from facegate.protections import Protection

if TYPE_CHECKING:
    from facegate.memory.regions import AnyRegion

# How a child ended that the kernel did not end in time: what it could still store to is a residual of the purge.
NOT_ENDED: Final = "killed, but not ended in time"


class Server(Protocol):
    """What serves one request: a child process, or a stand-in for one in the worker."""

    end: str | None

    @property
    def declined(self) -> Mapping[str, int]:
        """How often each call was tried that is declined instead of ending the server; after its end too."""

    @property
    def arena(self) -> AnyRegion:
        """Where results go; whoever serves has written to it only until `close` returned."""

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
        """Carry out one command; see `facegate.sandbox.child.Child.call`."""

    def kill(self) -> None:
        """End at once, without waiting."""

    def close(self) -> str:
        """Make sure that it is over, and say how it ended, or `NOT_ENDED`; idempotent."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the servers that a pool gives.

    Attributes:
        protections: as applied and read back.
        models: SHA-256 of each network, by name.
    """

    protections: Sequence[Protection]
    models: dict[str, str]


class Pool(Protocol):
    """Gives servers, one for each request."""

    def take(self) -> Server:
        """A server that serves nobody yet."""

    def facts(self) -> Facts:
        """What every server of this pool is."""

    @property
    def ready(self) -> int:
        """Servers that are prepared and serve nobody yet."""

    def wait_full(self, timeout: float) -> bool:
        """Wait until what can be prepared is; for benchmarks and tests."""

    def close(self) -> None:
        """End everything; idempotent."""


def start(policy: Policy, accept: Callable[[Facts], object]) -> Pool:
    """The strongest pool that this host and the policy allow.

    Args:
        policy: `level` and `ceiling` decide where analysis may run.
        accept: called with the facts of a pool before it serves, and again whenever they may have changed; raises to
            refuse.

    Raises:
        LockLimitError: the policy insists on more locked memory than the limit allows.
        PolicyError: what the policy would have loaded is not there, or is not what it says.
        ProtectionError: the host reaches less than the policy insists on.
        SandboxSetupError: the zygote did not start.
    """
    # Imported when chosen: the sandbox would not load where there is no Linux, and inline loads the analysis.
    if policy.ceiling != "inline":
        try:
            if not LINUX:
                raise ProtectionError(
                    "A child process that the kernel confines needs Linux; elsewhere only the level 'inline' works: "
                    "the analysis in the worker itself."
                )
            from facegate.sandbox.budget import Budget  # noqa: PLC0415
            from facegate.sandbox.pool import SparePool  # noqa: PLC0415

            return SparePool(
                policy.spares, accept, Budget.of(policy), secret=_secret_arenas(policy), wanted=policy.wanted()
            )
        except ProtectionError:
            # mediapipe reports its usage to a server: only a child keeps it from that.
            if policy.level != "inline" or policy.engine == "mediapipe":
                raise
    from facegate.inline import InlinePool  # noqa: PLC0415

    pool = InlinePool(policy.wanted())
    accept(pool.facts())
    return pool


def _secret_arenas(policy: Policy) -> bool:
    """Whether geometry goes to secret memory: where the host has it, unless the policy goes no higher than `process`.

    What is tried is what the policy keeps locked: the arenas of all spares and of one request, two maps each, that
    one's windows, which are maps of their own, and the share that media may take. With less, a request would open and
    expose nothing.

    Raises:
        LockLimitError: the policy insists on it, and the limit has no room for it.
    """
    from facegate.memory.arena import ARENA_BYTES  # noqa: PLC0415
    from facegate.memory.locks import MEDIA_SHARE, lock_limit  # noqa: PLC0415
    from facegate.memory.secret import SecretRegion  # noqa: PLC0415

    if policy.ceiling != "sealed":
        return False
    try:
        limit = lock_limit()
        arenas = ARENA_BYTES * (policy.spares + 1) + ARENA_BYTES // 2
        # More than the arenas themselves the share need not be: the limit is then more than twice what they take.
        media = 0 if limit is None else min(limit // MEDIA_SHARE, arenas) // 2
        SecretRegion("trial", arenas + media).close()
    except LockLimitError:
        if policy.level == "sealed" and "secret_memory" not in policy.waivers:
            raise
        return False
    except ProtectionError:
        return False  # held against the policy with everything else that is missing
    return True
