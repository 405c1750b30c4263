"""Which analysis a gate runs: what the worker tells a zygote to load, and what that one's children are declined."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

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
    """The analysis of one gate.

    Attributes:
        name: ``"facegate"`` or ``"mediapipe"``.
        landmarker: path of a `face_landmarker.task`, absolute; mediapipe's only.
        detector: name of an entry point in the group ``facegate.detectors``; facegate's only.
    """

    name: str = "facegate"
    landmarker: str | None = None
    detector: str | None = None

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> Self:
        """The one in a policy's `facegate.policy.Policy.wanted`."""
        return cls(**wanted.get("engine", {}))

    @property
    def shipped(self) -> bool:
        """Whether it is the one that facegate ships, without anything of anybody else's."""
        return self == type(self)()

    @property
    def declines(self) -> Mapping[str, int]:
        """Forbidden calls, by name, that fail with an errno instead of ending a child; see `sandbox.listener`."""
        return _DECLINED_TO_MEDIAPIPE if self.name == "mediapipe" else _NOTHING
