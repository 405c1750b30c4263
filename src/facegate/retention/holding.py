"""Legal holds: what they keep is deleted by nobody until they are released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import delete, func, insert, select, update

from facegate.errors import NotKeptError, RetentionError
from facegate.retention import schema
from facegate.retention.kept import time_of, written
from facegate.retention.parts import Parts, check_text, new_id

Target: TypeAlias = Literal["asset", "request", "person"]
TARGETS: Final = get_args(Target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold that is in force.

    Attributes:
        hold: ID, 32 hex digits.
        target: what kind of thing it keeps.
        why: the reason, a word.
        placed_by: who placed it.
        placed: when.
        assets: how many it keeps now.
    """

    hold: str
    target: str
    why: str
    placed_by: str
    placed: datetime
    assets: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "hold": self.hold,
            "target": self.target,
            "why": self.why,
            "placedBy": self.placed_by,
            "placed": written(self.placed),
            "assets": self.assets,
        }


def hold(parts: Parts, target: Target, value: str, *, who: str, why: str) -> Hold:
    """As `RetentionStore.hold`."""
    if target not in TARGETS:
        raise RetentionError(f"A hold keeps one of: {', '.join(TARGETS)}.")
    check_text("person" if target == "person" else "request", value)
    parts.act("held", who, why)
    assets, at = schema.assets, parts.clock()
    column = {"asset": assets.c.id, "request": assets.c.request, "person": assets.c.person}[target]
    number = new_id(at)
    with parts.database.writing() as connection:
        connection.execute(
            insert(schema.holds).values(id=number, target=target, value=value, why=why, placed_by=who, placed=at)
        )
        # In the order in which deletions take them, so that neither waits for the other forever.
        query = (
            select(assets.c.id)
            .where(column == value, assets.c.state.in_((schema.KEPT, schema.WRITING)))
            .order_by(assets.c.due, assets.c.id)
        )
        if not parts.database.is_sqlite:
            query = query.with_for_update()
        ids = list(connection.execute(query).scalars())
        if target == "asset" and not ids:
            raise NotKeptError("Nothing of that ID is kept.")
        if ids:
            _count(connection, ids, +1)
            connection.execute(insert(schema.held), [{"hold": number, "asset": each} for each in ids])
        # Within the transaction: a hold is on the ledger before it is in force.
        named: dict[str, Any] = {target: value} if target != "person" else {}
        parts.record("held", who, why, count=len(ids), **named)
    return Hold(hold=number, target=target, why=why, placed_by=who, placed=time_of(at), assets=len(ids))


def release(parts: Parts, number: str, *, who: str, why: str) -> int:
    """As `RetentionStore.release`."""
    parts.act("released", who, why)
    holds = schema.holds
    with parts.database.writing() as connection:
        done = connection.execute(
            update(holds)
            .where(holds.c.id == number, holds.c.released.is_(None))
            # Whom or what it kept is nobody's business any more.
            .values(released=parts.clock(), value="")
        )
        if done.rowcount != 1:
            raise NotKeptError("No hold of that ID is in force.")
        query = (
            select(schema.held.c.asset)
            .join(schema.assets, schema.assets.c.id == schema.held.c.asset)
            .where(schema.held.c.hold == number)
            .order_by(schema.assets.c.due, schema.assets.c.id)
        )
        if not parts.database.is_sqlite:
            query = query.with_for_update()
        ids = list(connection.execute(query).scalars())
        if ids:
            _count(connection, ids, -1)
        connection.execute(delete(schema.held).where(schema.held.c.hold == number))
        parts.record("released", who, why, count=len(ids))
    parts.database.empty_log()
    return len(ids)


def in_force(parts: Parts) -> list[Hold]:
    """All holds that are in force, the oldest first."""
    holds, held = schema.holds, schema.held
    number = select(func.count()).where(held.c.hold == holds.c.id).scalar_subquery()
    query = select(holds, number.label("assets")).where(holds.c.released.is_(None)).order_by(holds.c.placed)
    with parts.database.reading() as connection:
        return [
            Hold(
                hold=row.id,
                target=row.target,
                why=row.why,
                placed_by=row.placed_by,
                placed=time_of(row.placed),
                assets=row.assets,
            )
            for row in connection.execute(query)
        ]


def _count(connection: Any, ids: list[str], change: int) -> None:
    assets = schema.assets
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        connection.execute(update(assets).where(assets.c.id.in_(some)).values(holds=assets.c.holds + change))
