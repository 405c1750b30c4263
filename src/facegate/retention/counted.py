"""What `figures` counts, as data. Numbers, and words of the policy: nothing here is about one person or one asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from facegate.retention.kept import written
from facegate.rules.duration import show


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """What is kept of one class.

    Attributes:
        kept_as: the class.
        duration: how long the policy keeps it; None where the policy does not name the class any more.
        count: assets.
        bytes: of their content.
        held: assets of them that a legal hold keeps.
        oldest: age of the oldest; None where there is none.
        median: age that half of them have not reached.
        next_due: when the next one that is not held falls due.
        by_life: assets by how much of the class's duration is over.
        by_age: assets by age.
        overdue: assets whose time is over, that no hold keeps, and that are not deleted yet.
        overdue_bytes: of their content.
        overdue_since: for how long the first of them has been.
    """

    kept_as: str
    duration: timedelta | None
    count: int
    bytes: int
    held: int
    oldest: timedelta | None
    median: timedelta | None
    next_due: datetime | None
    by_life: Mapping[str, int] = field(hash=False)
    by_age: Mapping[str, int] = field(hash=False)
    overdue: int
    overdue_bytes: int
    overdue_since: timedelta | None

    def __post_init__(self) -> None:
        _freeze(self, "by_life", "by_age")

    def as_dict(self) -> dict[str, Any]:
        """For JSON; durations in whole seconds."""
        return {
            "class": self.kept_as,
            "for": None if self.duration is None else show(self.duration),
            "count": self.count,
            "bytes": self.bytes,
            "held": self.held,
            "oldestSeconds": _seconds(self.oldest),
            "medianSeconds": _seconds(self.median),
            "nextDue": _written(self.next_due),
            "byLife": dict(self.by_life),
            "byAge": dict(self.by_age),
            "overdue": {
                "count": self.overdue,
                "bytes": self.overdue_bytes,
                "oldestSeconds": _seconds(self.overdue_since),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFigures:
    """Legal holds that are in force.

    Attributes:
        count: holds.
        by_target: the same, by what they keep: assets, requests, people.
        assets: that one of them keeps.
        bytes: of their content.
        oldest: for how long the oldest has been in force.
    """

    count: int
    by_target: Mapping[str, int] = field(hash=False)
    assets: int
    bytes: int
    oldest: timedelta | None

    def __post_init__(self) -> None:
        _freeze(self, "by_target")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "count": self.count,
            "byTarget": dict(self.by_target),
            "assets": self.assets,
            "bytes": self.bytes,
            "oldestSeconds": _seconds(self.oldest),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedFigures:
    """Puts and deletions that have begun and not ended; those past their lease the next sweep takes over.

    Attributes:
        writing: puts.
        writing_past: puts of them whose lease is over.
        deleting: deletions; the keys are gone already.
        deleting_past: deletions of them whose lease is over.
    """

    writing: int
    writing_past: int
    deleting: int
    deleting_past: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "writing": {"count": self.writing, "pastLease": self.writing_past},
            "deleting": {"count": self.deleting, "pastLease": self.deleting_past},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionFigures:
    """What was deleted on one day for one reason.

    Attributes:
        day: UTC.
        why: the word; ``"other"`` for all that are rarer.
        count: assets.
        bytes: of their content.
    """

    day: date
    why: str
    count: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"day": self.day.isoformat(), "why": self.why, "count": self.count, "bytes": self.bytes}


@dataclass(frozen=True, slots=True, kw_only=True)
class WishFigures:
    """People's wishes of one kind that wait for an answer.

    Attributes:
        wish: what is asked for.
        count: wishes.
        overdue: wishes of them whose day is past.
        next_due: by when the first of them is to be answered.
        by_days_left: wishes by how much time is left.
    """

    wish: str
    count: int
    overdue: int
    next_due: datetime
    by_days_left: Mapping[str, int] = field(hash=False)

    def __post_init__(self) -> None:
        _freeze(self, "by_days_left")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "wish": self.wish,
            "count": self.count,
            "overdue": self.overdue,
            "nextDue": written(self.next_due),
            "byDaysLeft": dict(self.by_days_left),
        }


def _freeze(figures: Any, *names: str) -> None:
    for name in names:
        object.__setattr__(figures, name, MappingProxyType(dict(getattr(figures, name))))


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def _written(time: datetime | None) -> str | None:
    return None if time is None else written(time)
