"""What a person agreed to, as the caller recorded it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from facegate.errors import PolicyError
from facegate.rules.model import NAME


class Consent:
    """What a person agreed to. The caller keeps the record; this is what it says of one person, now.

    Args:
        to: names of purposes, and ``"biometric"`` for facial geometry.
        recorded_at: when the person said so, with a time zone; now by default. After `Gate.withdraw` only a consent
            recorded later counts.
        by_guardian: a parent or guardian said so.

    Raises:
        PolicyError: a name is none, or the time has no zone.
    """

    __slots__ = ("by_guardian", "recorded_at", "to")

    def __init__(self, *to: str, recorded_at: datetime | None = None, by_guardian: bool = False) -> None:
        self.to = frozenset(_name(each) for each in to)
        self.recorded_at = datetime.now(UTC) if recorded_at is None else recorded_at
        if not isinstance(self.recorded_at, datetime) or self.recorded_at.tzinfo is None:
            raise PolicyError("Consent.recorded_at must be a datetime with a time zone.")
        self.by_guardian = bool(by_guardian)

    def covers(self, names: Iterable[str]) -> bool:
        """Whether all of that was agreed to."""
        return self.to.issuperset(names)

    def __repr__(self) -> str:
        # When somebody agreed to what is that person's business.
        return "[a Consent]"


def _name(each: object) -> str:
    if not isinstance(each, str) or NAME.fullmatch(each) is None:
        raise PolicyError("A Consent names purposes of the policy, or 'biometric'.")
    return each
