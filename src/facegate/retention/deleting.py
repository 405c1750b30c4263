"""Delete: the key first, then the blob, then the row is a tombstone. Killed in between, a sweep goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, true, update
from sqlalchemy.engine import Connection

from facegate.retention import people, schema
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

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Claimed:
        """Of rows with an ID, bytes and a person."""
        return cls(tuple(row.id for row in rows), sum(row.bytes for row in rows), frozenset(row.person for row in rows))


def claim(
    parts: Parts,
    connection: Connection,
    which: ColumnElement[bool],
    why: str,
    *,
    most: int = BATCH,
    skip: bool = False,
    unfinished: bool = False,
) -> Claimed:
    """Destroy the keys of assets; when the transaction is committed, nobody can read them any more.

    Args:
        parts: of the store.
        connection: in a transaction.
        which: of the table of assets; what a legal hold keeps is never among them.
        why: the reason, a word.
        most: as many at once.
        skip: pass over those that another process works on, rather than wait.
        unfinished: they were never finished, so that nobody was told that they are kept: no hold keeps them either.
    """
    assets = schema.assets
    query = (
        select(assets.c.id, assets.c.bytes, assets.c.person)
        .where(which, true() if unfinished else schema.is_free, assets.c.state.in_((schema.KEPT, schema.WRITING)))
        .order_by(assets.c.due, assets.c.id)
        .limit(most)
    )
    if not parts.database.is_sqlite:
        query = query.with_for_update(skip_locked=skip)
    claimed = Claimed.of(connection.execute(query).all())
    if ids := claimed.assets:
        values = {"state": schema.DELETING, "why": why, "holds": 0, "lease": parts.lease_from(parts.clock())}
        connection.execute(update(assets).where(assets.c.id.in_(ids)).values(**values))
        connection.execute(delete(schema.asset_keys).where(schema.asset_keys.c.asset.in_(ids)))
        if unfinished:
            connection.execute(delete(schema.held).where(schema.held.c.asset.in_(ids)))
    return claimed


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
    claimed = Claimed.of(connection.execute(query).all())
    if claimed.assets:
        lease = parts.lease_from(parts.clock())
        connection.execute(update(assets).where(assets.c.id.in_(claimed.assets)).values(lease=lease))
    return claimed


def bury(parts: Parts, claimed: Claimed) -> None:
    """Make tombstones of rows whose blobs are gone, and forget people of whom nothing is left."""
    table = schema.assets
    nothing: dict[str, Any] = dict.fromkeys(("lease", "person", "request", "purpose", "media_type", "label"))
    with parts.database.writing() as connection:
        # Before their assets: who puts or deletes all of a person locks them in this order.
        people.lock_all(parts.database, connection, claimed.people)
        connection.execute(
            update(table)
            .where(table.c.id.in_(claimed.assets), table.c.state == schema.DELETING)
            .values(state=schema.DELETED, deleted=parts.clock(), **nothing)
        )
        people.forget(parts, connection, claimed.people)


def abandon(parts: Parts, asset: str) -> None:
    """Undo a put that failed."""
    with parts.database.writing() as connection:
        claimed = claim(parts, connection, schema.assets.c.id == asset, "unfinished", unfinished=True)
    if claimed.assets:
        parts.blobs.delete(claimed.assets)
        bury(parts, claimed)
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
