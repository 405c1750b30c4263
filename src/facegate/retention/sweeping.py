"""The expiry sweep: what is due, what was not finished. Any number of them at once, on any number of machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, select

from facegate.retention import deleting, demands, schema
from facegate.retention.parts import Parts

EXPIRED: Final = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep did.

    Attributes:
        expired: assets that were deleted because their time was over.
        unfinished: assets whose put never ended.
        resumed: assets whose deletion somebody else had half_deleted and not finished in time.
        bytes: of content of all of them.
        answered: people's wishes to delete that are fulfilled now.
    """

    expired: int
    unfinished: int
    resumed: int
    bytes: int
    answered: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.expired + self.unfinished + self.resumed

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "expired": self.expired,
            "unfinished": self.unfinished,
            "resumed": self.resumed,
            "bytes": self.bytes,
            "answered": self.answered,
        }


def sweep(parts: Parts, *, who: str) -> Swept:
    """As `RetentionStore.sweep`."""
    assets, began = schema.assets, parts.clock()
    due = and_(assets.c.due <= began, schema.is_kept)
    unfinished = and_(assets.c.lease <= began, assets.c.state == schema.WRITING)
    numbers, size = {EXPIRED: 0, "unfinished": 0, "resumed": 0}, 0
    half_deleted = and_(assets.c.lease <= began, assets.c.state == schema.DELETING)
    for why, which in (("resumed", half_deleted), ("unfinished", unfinished), (EXPIRED, and_(due, schema.is_free))):
        # Looked for without a lock: in SQLite a sweeper that finds nothing would keep writers waiting.
        while _any(parts, which):
            with parts.database.writing() as connection:
                if which is half_deleted:
                    claimed = deleting.resume(parts, connection)
                else:
                    claimed = deleting.claim(parts, connection, which, why, skip=True, unfinished=which is unfinished)
            if not claimed.assets:
                break
            parts.blobs.delete(claimed.assets)
            parts.record("swept", who, why, count=len(claimed.assets), bytes=claimed.bytes)
            deleting.bury(parts, claimed)
            numbers[why] += len(claimed.assets)
            size += claimed.bytes
    answered = demands.settle(parts, who=who)
    if any(numbers.values()):
        parts.database.scrub()
    return Swept(**numbers, bytes=size, answered=answered)


def _any(parts: Parts, which: ColumnElement[bool]) -> bool:
    with parts.database.reading() as connection:
        return connection.execute(select(schema.assets.c.id).where(which).limit(1)).first() is not None
