"""What a database and its blobs do not agree upon: found, and mended if asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import select

from facegate.retention import deleting, schema
from facegate.retention.parts import Parts

_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found.

    Attributes:
        assets: that are kept.
        orphans: blobs of no asset that is kept or being put.
        lost: assets whose blob or key is gone, so that nobody can read them.
        repaired: whether the orphans were deleted, and the lost made tombstones.
    """

    assets: int
    orphans: int
    lost: int
    repaired: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"assets": self.assets, "orphans": self.orphans, "lost": self.lost, "repaired": self.repaired}


def check(parts: Parts, *, who: str, repair: bool) -> Checked:
    """As `RetentionStore.check`."""
    parts.act("repaired", who, "orphans")
    orphans = 0
    for some in _orphans(parts):
        orphans += len(some)
        if repair:
            parts.blobs.delete(some)
    total, lost = 0, 0
    for number, some in _lost(parts):
        total += number
        lost += len(some)
        if repair and some:
            with parts.database.writing() as connection:
                claimed = deleting.claim(parts, connection, schema.assets.c.id.in_(some), "lost", most=_BATCH)
            parts.blobs.delete(claimed.assets)
            if claimed.assets:
                parts.record("repaired", who, "lost", count=len(claimed.assets), bytes=claimed.bytes)
                deleting.bury(parts, claimed)
    if repair and orphans:
        parts.record("repaired", who, "orphans", count=orphans)
    if repair:
        parts.database.scrub(thoroughly=True)
    return Checked(assets=total, orphans=orphans, lost=lost, repaired=repair)


def _orphans(parts: Parts) -> Iterator[list[str]]:
    """Blobs that no row has any use for. A row is made before its blob, so none is taken that is on its way."""
    assets = schema.assets
    names = (each.asset for each in parts.blobs.list())
    while some := list(islice(names, _BATCH)):
        query = select(assets.c.id).where(assets.c.id.in_(some), assets.c.state != schema.DELETED)
        with parts.database.reading() as connection:
            known = set(connection.execute(query).scalars())
        if found := [each for each in some if each not in known]:
            yield found


def _lost(parts: Parts) -> Iterator[tuple[int, list[str]]]:
    """Assets that are kept and cannot be read, page by page, with the number of all on the page."""
    assets, keys, person_keys, after = schema.assets, schema.asset_keys, schema.person_keys, ""
    while True:
        query = (
            select(assets.c.id, keys.c.asset, person_keys.c.person)
            .outerjoin(keys, keys.c.asset == assets.c.id)
            .outerjoin(person_keys, person_keys.c.person == assets.c.person)
            .where(assets.c.id > after, assets.c.state == schema.KEPT)
            .order_by(assets.c.id)
            .limit(_BATCH)
        )
        with parts.database.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        after = rows[-1].id
        yield len(rows), [row.id for row in rows if None in row or not parts.blobs.has(row.id)]
