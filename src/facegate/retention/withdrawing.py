"""The rights to withdraw consent and to be deleted: what the person decides about goes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select

from facegate.retention import deleting, demands, erasing, objecting, schema
from facegate.retention.answers import Erased
from facegate.retention.erasing import Deleted
from facegate.retention.kept import time_of
from facegate.retention.parts import Parts, check_text


def withdraw(parts: Parts, person: str, purpose: str | None, *, who: str, demand: str | None) -> Erased:
    """As `Rights.withdraw`."""
    check_text("person", person)
    check_text("who", who)
    if purpose is not None:
        objecting.check_purpose(parts, purpose)
    assets = schema.assets
    mine: ColumnElement[bool] = assets.c.person == person
    if purpose is not None:
        mine = and_(mine, assets.c.purpose == purpose)
    lawful = assets.c.kept_as.in_(erasing.lawful(parts))
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "withdraw", person, demand)
        # Before anything is deleted: from here on nothing comes that would have to be.
        objecting.note(parts, connection, person, parts.rules.purposes if purpose is None else [purpose])
        erasing.due_now(parts, connection, and_(mine, ~lawful))
        kept = deleting.count(connection, and_(mine, lawful, schema.is_kept))
    done = erasing.delete_where(
        parts,
        and_(mine, ~lawful),
        act="withdrawn",
        who=who,
        why=purpose or "every-purpose",
        person=person,
        kept=kept,
        demand=number,
    )
    parts.database.scrub()
    until = _last_due(parts, and_(mine, lawful))
    demands.answer(parts, number)
    return _erased(done, until, number, answered=True)


def delete(parts: Parts, person: str, *, who: str, demand: str | None) -> Erased:
    """As `Rights.delete`."""
    check_text("person", person)
    check_text("who", who)
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "delete", person, demand)
    done = erasing.delete_person(parts, person, who=who, why="wish", person_decides=True, demand=number)
    until = _last_due(parts, and_(schema.assets.c.person == person, schema.assets.c.kept_as.in_(erasing.lawful(parts))))
    if not done.held:
        demands.answer(parts, number)
    return _erased(done, until, number, answered=not done.held)


def delete_whole(parts: Parts, person: str, *, who: str, why: str) -> Deleted:
    """As `RetentionStore.delete_person`."""
    check_text("person", person)
    parts.act("deleted", who, why)
    # Like a wish that is answered at once: what the person said goes with the last of it, also where a hold keeps that.
    number = demands.receive(parts, "delete", person)
    done = erasing.delete_person(parts, person, who=who, why=why, person_decides=False, demand=number)
    demands.answer(parts, number)
    return done


def _erased(done: Deleted, until: datetime | None, number: str, *, answered: bool) -> Erased:
    return Erased(
        count=done.count,
        bytes=done.bytes,
        held=done.held,
        kept=done.kept,
        until=until if done.kept else None,
        answered=answered,
        demand=number,
        receipt=done.receipt,
    )


def _last_due(parts: Parts, which: ColumnElement[bool]) -> datetime | None:
    with parts.database.reading() as connection:
        found = connection.execute(select(func.max(schema.assets.c.due)).where(which, schema.is_kept)).scalar()
    return None if found is None else time_of(found)
