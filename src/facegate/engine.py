"""Which analysis a gate runs: what the worker tells a zygote to load, and what that one's children are declined."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from facegate.policy import Policy

# What mediapipe does that is forbidden, and the errno that each fails with: it finds faces without all of them.
_DECLINED_TO_MEDIAPIPE: Final = {
    "madvise": errno.EINVAL,  # BoringSSL asks with an advice that no kernel knows; this is what the kernel answers
    "number:788533211": errno.ENOSYS,  # a call that public kernels do not have; the same
    "timer_create": errno.EPERM,  # a sampling profiler
    "setitimer": errno.EPERM,
    # The report of its usage, which it would send when a detector is closed. Ours never is: the child is killed.
    "pipe": errno.EPERM,
    "pipe2": errno.EPERM,
    "socket": errno.EACCES,
}
_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Engine:
    """The analysis of one gate. It is on a zygote's command line, so nothing in it may be a secret.

    Attributes:
        name: ``"facegate"`` or ``"mediapipe"``.
        landmarker: path of a `face_landmarker.task`, absolute; mediapipe's only.
        detector: name of an entry point in the group ``facegate.detectors``; facegate's only.
    """

    name: str = "facegate"
    landmarker: str | None = None
    detector: str | None = None

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """What the policy asks for."""
        return cls(policy.engine, None if policy.landmarker is None else str(policy.landmarker), policy.detector)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """The other way round of `arguments`."""
        return cls(**json.loads(arguments[0])) if arguments else cls()

    def arguments(self) -> tuple[str, ...]:
        """For a zygote's command line; nothing for the engine that facegate ships."""
        return () if self.shipped else (json.dumps(asdict(self)),)

    @property
    def shipped(self) -> bool:
        """Whether it is the one that facegate ships, without anything of anybody else's."""
        return self == type(self)()

    @property
    def declines(self) -> Mapping[str, int]:
        """Forbidden calls, by name, that fail with an errno instead of ending a child; see `sandbox.listener`."""
        return _DECLINED_TO_MEDIAPIPE if self.name == "mediapipe" else _NOTHING
