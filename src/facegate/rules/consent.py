"""What a person agreed to, as the caller recorded it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from facegate.errors import PolicyError
from facegate.rules.names import NAME


class Consent:
    """What a person agreed to. The caller keeps the record; this is what it says of one person, now.

    Args:
        to: names of purposes, and ``"biometric"`` for facial geometry.
        recorded_at: when the person said so, with a time zone; now by default. After `Gate.withdraw` only a consent
            recorded later counts.
        by_guardian: a parent or guardian said so.

    Raises:
        PolicyError: a name is none, or the time has no zone or has not come yet.
    """

    __slots__ = ("by_guardian", "recorded_at", "to")

    to: frozenset[str]
    recorded_at: datetime
    by_guardian: bool

    def __init__(self, *to: str, recorded_at: datetime | None = None, by_guardian: bool = False) -> None:
        now = datetime.now(UTC)
        at = now if recorded_at is None else recorded_at
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise PolicyError("Consent.recorded_at must be a datetime with a time zone.")
        if at > now:
            # One from tomorrow would outlive a withdrawal of today.
            raise PolicyError("Consent.recorded_at must be not later than now; the clocks may differ.")
        if not isinstance(by_guardian, bool):
            raise PolicyError("Consent.by_guardian must be True or False.")
        for name, value in (("to", frozenset(map(_name, to))), ("recorded_at", at), ("by_guardian", by_guardian)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A Consent cannot be changed: {name}.")

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
