"""The right to restrict: what is kept of a person is not used, and not deleted before its time either."""

from __future__ import annotations

from sqlalchemy import and_, func, update

from facegate.retention import deleting, demands, people, schema
from facegate.retention.answers import Noted
from facegate.retention.parts import Parts, check_text


def restrict(parts: Parts, person: str, *, who: str, demand: str | None) -> Noted:
    """As `Rights.restrict`."""
    check_text("person", person)
    check_text("who", who)
    table = schema.people
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "restrict", person, demand)
        people.known(parts, connection, person)
        # Since the first time it was asked for.
        since = func.coalesce(table.c.restricted, parts.clock())
        connection.execute(update(table).where(table.c.person == person).values(restricted=since))
        count = deleting.count(connection, and_(schema.assets.c.person == person, schema.is_kept))
    receipt = parts.record("restricted", who, "wish", count=count, demand=number)
    demands.answer(parts, number)
    return Noted(count=count, demand=number, receipt=receipt)


def unrestrict(parts: Parts, person: str, *, who: str) -> Noted:
    """As `Rights.unrestrict`."""
    check_text("person", person)
    check_text("who", who)
    table = schema.people
    with parts.database.writing() as connection:
        people.lock(parts.database, connection, person)
        connection.execute(update(table).where(table.c.person == person).values(restricted=None))
        count = deleting.count(connection, and_(schema.assets.c.person == person, schema.is_kept))
        people.forget(parts, connection, [person])
    parts.database.empty_log()
    receipt = parts.record("unrestricted", who, "wish", count=count)
    return Noted(count=count, demand=None, receipt=receipt)
