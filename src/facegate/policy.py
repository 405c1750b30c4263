"""What a gate allows: purposes, limits on media, lifetimes, the protection that it insists on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from facegate.errors import PolicyError

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Bounds on one upload, checked before any pixel is decoded.

    Attributes:
        bytes: size of the encoded upload.
        pixels: width times height.
        side: longer side, pixels.
        aspect: longer side over shorter side.
    """

    bytes: int = 64 * MIB
    pixels: int = 64_000_000
    side: int = 16_384
    aspect: float = 32.0

    def __post_init__(self) -> None:
        _positive("limits", **self.as_dict())

    def as_dict(self) -> dict[str, float]:
        """The limits by name, as the child gets them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one gate; immutable, and identified on every receipt by `digest`.

    Attributes:
        purposes: what a request may be opened for.
        limits: bounds on uploads.
        ttl: longest life of a request, seconds; it is purged when that is over.
        operation_timeout: longest time that the child may take over one command, seconds.
        spares: children kept forked and warm, waiting for a request.
        max_open: requests open at a time; one more is refused.
    """

    purposes: frozenset[str] = frozenset({"generation", "safety", "terms", "improvement"})
    limits: MediaLimits = field(default_factory=MediaLimits)
    ttl: float = 300.0
    operation_timeout: float = 30.0
    spares: int = 2
    max_open: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "purposes", frozenset(self.purposes))
        if not self.purposes or not all(isinstance(name, str) and name for name in self.purposes):
            raise PolicyError("Policy.purposes must name at least one purpose, each a non-empty string.")
        _positive(
            "policy",
            ttl=self.ttl,
            operation_timeout=self.operation_timeout,
            max_open=self.max_open,
        )
        if self.spares < 0:
            raise PolicyError("Policy.spares must be 0 or more.")

    def digest(self) -> str:
        """SHA-256 of the policy in canonical JSON, lower-case hex."""
        plain = asdict(self) | {"purposes": sorted(self.purposes)}
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _positive(where: str, **values: float) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            raise PolicyError(f"{where}.{name} must be a positive number.")
