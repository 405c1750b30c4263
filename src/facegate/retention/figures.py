"""Figures of a store: how much is kept, how old, how much is overdue, held, deleted, asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from facegate.retention import counting, rotating
from facegate.retention.counted import ClassFigures, DeletionFigures, HoldFigures, UnfinishedFigures, WishFigures
from facegate.retention.kept import time_of, written
from facegate.retention.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of a store at one time; no person, request, asset or label is among them.

    Attributes:
        store: ID of the store.
        generated: when they were counted. Each is right for a moment of that second or so; others work meanwhile.
        policy: name of the policy.
        version: of the policy.
        digest: of the policy, SHA-256, hex.
        classes: what is kept, by class.
        unfinished: puts and deletions that have not ended.
        holds: legal holds.
        deletions: of the last 30 days in UTC, today among them; days and reasons without any are left out.
        wishes: what people asked for and were not answered, by kind; kinds without any are left out.
        people: of whom something is kept, or who said something that must be remembered.
        restricted: people of them who restricted the use of what is kept.
        master_keys: how many people's keys each master key wraps, by its ID.

    Does not protect against: a small number that speaks of somebody for who knows that there is only one; reasons are
    the callers' words.
    """

    store: str
    generated: datetime
    policy: str
    version: int
    digest: str
    classes: tuple[ClassFigures, ...]
    unfinished: UnfinishedFigures
    holds: HoldFigures
    deletions: tuple[DeletionFigures, ...]
    wishes: tuple[WishFigures, ...]
    people: int
    restricted: int
    master_keys: Mapping[str, int] = field(hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "master_keys", MappingProxyType(dict(self.master_keys)))

    @property
    def count(self) -> int:
        """All assets that are kept."""
        return sum(each.count for each in self.classes)

    @property
    def bytes(self) -> int:
        """Of their content."""
        return sum(each.bytes for each in self.classes)

    @property
    def overdue(self) -> int:
        """Assets whose time is over, that no hold keeps, and that are not deleted yet."""
        return sum(each.overdue for each in self.classes)

    @property
    def reasons(self) -> dict[str, tuple[int, int]]:
        """Deletions by reason, the most frequent first, the rest last: assets, and bytes of their content."""
        found: dict[str, tuple[int, int]] = {}
        for each in self.deletions:
            count, size = found.get(each.why, (0, 0))
            found[each.why] = count + each.count, size + each.bytes
        return dict(sorted(found.items(), key=lambda item: (item[0] == counting.OTHER, -item[1][0], item[0])))

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times in UTC, durations in whole seconds."""
        return {
            "store": self.store,
            "generated": written(self.generated),
            "policy": {"name": self.policy, "version": self.version, "sha256": self.digest},
            "kept": {"count": self.count, "bytes": self.bytes},
            "overdue": {"count": self.overdue, "bytes": sum(each.overdue_bytes for each in self.classes)},
            "classes": [each.as_dict() for each in self.classes],
            "unfinished": self.unfinished.as_dict(),
            "holds": self.holds.as_dict(),
            "deletions": {
                "count": sum(each.count for each in self.deletions),
                "bytes": sum(each.bytes for each in self.deletions),
                "byReason": [
                    {"why": why, "count": count, "bytes": size} for why, (count, size) in self.reasons.items()
                ],
                "byDay": [each.as_dict() for each in self.deletions],
            },
            "wishes": {
                "count": sum(each.count for each in self.wishes),
                "overdue": sum(each.overdue for each in self.wishes),
                "byWish": [each.as_dict() for each in self.wishes],
            },
            "people": {"known": self.people, "restricted": self.restricted},
            "masterKeys": dict(self.master_keys),
        }


def figures(parts: Parts) -> Figures:
    """As `RetentionStore.figures`."""
    now, masters = parts.clock(), rotating.masters(parts)
    with parts.database.reading() as connection:
        people, restricted = counting.people(connection)
        return Figures(
            store=parts.store,
            generated=time_of(now),
            policy=parts.rules.name,
            version=parts.rules.version,
            digest=parts.rules.digest(),
            classes=counting.classes(connection, parts.rules, now),
            unfinished=counting.unfinished(connection, now),
            holds=counting.holds(connection, now),
            deletions=counting.deletions(connection, now),
            wishes=counting.wishes(connection, now),
            people=people,
            restricted=restricted,
            master_keys=masters,
        )
