"""Rotation: people's keys are wrapped with the current master key; no blob and no asset's key is touched."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select, update

from facegate.retention import people, schema
from facegate.retention.parts import Parts

_BATCH: Final = 200


def rotate(parts: Parts, *, who: str) -> int:
    """As `RetentionStore.rotate`."""
    parts.act("rotated", who, "master-key")
    table, current, total, after, passed = schema.person_keys, parts.keys.current, 0, "", 0
    # In the order of people: without it, each batch would be looked for among all that are rotated already.
    query = select(table).where(table.c.master != current).order_by(table.c.person).limit(_BATCH)
    while True:
        with parts.database.reading() as connection:
            rows = connection.execute(query.where(table.c.person > after)).all()
        if not rows:
            if passed == total:
                break
            # Once more from the first: another process may have made keys with another master key meanwhile.
            after, passed = "", total
            continue
        after = rows[-1].person
        # The master keys may be far away, so they are not asked within a transaction.
        wrapped = {
            row.person: people.wrap_person_key(
                parts, row.person, people.unwrap_person_key(parts, row.person, row.master, row.wrapped)
            )
            for row in rows
        }
        with parts.database.writing() as connection:
            people.lock_all(parts.database, connection, wrapped, shared=True)
            for row in rows:
                connection.execute(
                    # Unless somebody was first, or the key was destroyed.
                    update(table)
                    .where(table.c.person == row.person, table.c.wrapped == row.wrapped)
                    .values(master=current, wrapped=wrapped[row.person])
                )
        total += len(rows)
    parts.record("rotated", who, "master-key", count=total)
    if total:
        parts.database.scrub()
    return total


def masters(parts: Parts) -> dict[str, int]:
    """How many people's keys each master key wraps, by its ID."""
    table = schema.person_keys
    query = select(table.c.master, func.count().label("people")).group_by(table.c.master)
    with parts.database.reading() as connection:
        return {row.master: row.people for row in connection.execute(query)}
