"""Delete: the key first, then the blob, then the row is a tombstone. Killed in between, a sweep goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.engine import Connection

from facegate.retention import schema
from facegate.retention.parts import Parts

# As many at once: one transaction, one request to S3, one entry of the ledger.
BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Claimed:
    """Assets whose keys are gone and whose blobs are to go.

    Attributes:
        assets: IDs.
        bytes: of their content.
        people: whose they were.
    """

    assets: tuple[str, ...]
    bytes: int
    people: frozenset[str]


def claim(
    parts: Parts, connection: Connection, which: ColumnElement[bool], why: str, *, most: int = BATCH, skip: bool = False
) -> Claimed:
    """Destroy the keys of assets; when the transaction is committed, nobody can read them any more.

    Args:
        parts: of the store.
        connection: in a transaction.
        which: of the table of assets; what a legal hold keeps is never among them.
        why: the reason, a word.
        most: as many at once.
        skip: pass over those that another process works on, rather than wait.
    """
    assets = schema.assets
    query = (
        select(assets.c.id, assets.c.bytes, assets.c.person)
        .where(which, schema.is_free, assets.c.state.in_((schema.KEPT, schema.WRITING)))
        .order_by(assets.c.due, assets.c.id)
        .limit(most)
    )
    if not parts.database.is_sqlite:
        query = query.with_for_update(skip_locked=skip)
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    if ids:
        values = {"state": schema.DELETING, "why": why, "lease": parts.lease_from(parts.clock())}
        connection.execute(update(assets).where(assets.c.id.in_(ids)).values(**values))
        connection.execute(delete(schema.asset_keys).where(schema.asset_keys.c.asset.in_(ids)))
    return Claimed(tuple(ids), sum(row.bytes for row in rows), frozenset(row.person for row in rows))


def resume(parts: Parts, connection: Connection, *, most: int = BATCH) -> Claimed:
    """Take over what somebody claimed and did not finish in time."""
    assets = schema.assets
    query = (
        select(assets.c.id, assets.c.bytes, assets.c.person)
        .where(assets.c.lease <= parts.clock(), assets.c.state == schema.DELETING)
        .limit(most)
    )
    if not parts.database.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    if ids:
        lease = parts.lease_from(parts.clock())
        connection.execute(update(assets).where(assets.c.id.in_(ids)).values(lease=lease))
    return Claimed(tuple(ids), sum(row.bytes for row in rows), frozenset(row.person for row in rows))


def bury(parts: Parts, assets: Sequence[str]) -> None:
    """Make tombstones of rows whose blobs are gone."""
    table = schema.assets
    nothing: dict[str, Any] = dict.fromkeys(("lease", "person", "request", "purpose", "media_type", "label"))
    with parts.database.writing() as connection:
        connection.execute(
            update(table)
            .where(table.c.id.in_(assets), table.c.state == schema.DELETING)
            .values(state=schema.DELETED, deleted=parts.clock(), **nothing)
        )
        connection.execute(delete(schema.held).where(schema.held.c.asset.in_(assets)))


def abandon(parts: Parts, asset: str) -> None:
    """Undo a put that failed."""
    with parts.database.writing() as connection:
        # Held or not: nobody was told that it is kept.
        connection.execute(update(schema.assets).where(schema.assets.c.id == asset).values(holds=0))
        claimed = claim(parts, connection, schema.assets.c.id == asset, "unfinished")
    if claimed.assets:
        parts.blobs.delete(claimed.assets)
        bury(parts, claimed.assets)
    else:
        # Given up by a sweep: the blob may have come after that.
        parts.blobs.delete([asset])


def lock(parts: Parts, connection: Connection, which: ColumnElement[bool]) -> None:
    """Have rows of the table of assets wait for this transaction, in the order in which deletions take them.

    In another order, each could wait for the other. SQLite's writers are alone anyway.
    """
    assets = schema.assets
    if not parts.database.is_sqlite:
        query = select(assets.c.id).where(which).order_by(assets.c.due, assets.c.id).with_for_update()
        connection.execute(query).all()


def count(connection: Connection, which: ColumnElement[bool]) -> int:
    """How many rows of the table of assets there are."""
    found: int = connection.execute(select(func.count()).select_from(schema.assets).where(which)).scalar_one()
    return found
