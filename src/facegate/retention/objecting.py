"""The right to object to a purpose, and the consent that takes an objection back."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.engine import Connection

from facegate.errors import ConsentError, PurposeError
from facegate.retention import deleting, demands, people, schema
from facegate.retention.answers import Noted
from facegate.retention.kept import time_of
from facegate.retention.parts import Parts, check_text
from facegate.rules.consent import Consent


def object_to(parts: Parts, person: str, purpose: str, *, who: str, demand: str | None) -> Noted:
    """As `Rights.object`."""
    check_text("person", person)
    check_text("who", who)
    check_purpose(parts, purpose)
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "object", person, demand)
        note(parts, connection, person, [purpose])
        count = deleting.count(connection, _put_for(person, purpose))
    receipt = parts.record("objected", who, purpose, count=count, demand=number)
    demands.answer(parts, number)
    return Noted(count=count, demand=number, receipt=receipt)


def consent_again(parts: Parts, person: str, purpose: str, *, consent: Consent, who: str) -> Noted:
    """As `Rights.consent_again`."""
    check_text("person", person)
    check_text("who", who)
    check_purpose(parts, purpose)
    if not isinstance(consent, Consent) or not consent.covers([purpose]):
        raise ConsentError(f"The policy wants consent to: {purpose}.")
    table = schema.objections
    said = and_(table.c.person == person, table.c.purpose == purpose)
    with parts.database.writing() as connection:
        people.lock(parts.database, connection, person)
        since = connection.execute(select(table.c.since).where(said)).scalar()
        # One of before is what the person took back.
        if since is not None and consent.recorded_at <= time_of(since):
            raise ConsentError("The person objected or withdrew after that consent was recorded.")
        connection.execute(delete(table).where(said))
        count = deleting.count(connection, _put_for(person, purpose))
        people.forget(parts, connection, [person])
    parts.database.empty_log()
    receipt = parts.record("unrestricted", who, purpose, count=count)
    return Noted(count=count, demand=None, receipt=receipt)


def note(parts: Parts, connection: Connection, person: str, purposes: Collection[str]) -> None:
    """Write objections down; those of before stay as they are."""
    people.known(parts, connection, person)
    table = schema.objections
    there = set(connection.execute(select(table.c.purpose).where(table.c.person == person)).scalars())
    for each in sorted(set(purposes) - there):
        connection.execute(insert(table).values(person=person, purpose=each, since=parts.clock()))


def check_purpose(parts: Parts, purpose: str) -> None:
    """Raise for what is no purpose.

    Raises:
        PurposeError: the policy names no such purpose.
    """
    if not isinstance(purpose, str) or purpose not in parts.rules.purposes:
        raise PurposeError(f"The purpose is none of the policy's: {', '.join(sorted(parts.rules.purposes))}.")


def _put_for(person: str, purpose: str) -> ColumnElement[bool]:
    assets = schema.assets
    return and_(assets.c.person == person, assets.c.purpose == purpose, schema.is_kept)
