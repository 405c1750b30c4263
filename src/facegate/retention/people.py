"""People, as far as a store knows them: a pseudonym, a key, and what they said about what is kept of them."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import and_, delete, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from facegate.errors import LostKeyError
from facegate.retention import keys, schema
from facegate.retention.database import Database
from facegate.retention.parts import Parts

# What people said about what is kept of them.
_SAID: Final = (schema.settings, schema.objections)


def key_of(parts: Parts, person: str) -> tuple[bytes, bytes]:
    """A person's key, made if there is none, and as it is wrapped now.

    Raises:
        MasterKeyError: it cannot be unwrapped.
    """
    query = select(schema.person_keys.c.master, schema.person_keys.c.wrapped).where(
        schema.person_keys.c.person == person
    )
    with parts.database.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        # The master key may be far away, so it is not asked within a transaction.
        wrapped = parts.keys.wrap(os.urandom(keys.KEY_BYTES), _context(parts, person))
        with parts.database.writing() as connection:
            _insert_new(connection, schema.people, {"person": person, "created": parts.clock()})
            values = {"person": person, "master": parts.keys.current, "wrapped": wrapped}
            _insert_new(connection, schema.person_keys, values)
            # Another process may have been first.
            row = connection.execute(query).one()
    return unwrap_person_key(parts, person, row.master, row.wrapped), row.wrapped


def unwrap_person_key(parts: Parts, person: str, master: str, wrapped: bytes) -> bytes:
    """A person's key.

    Raises:
        MasterKeyError: the master key is another.
    """
    return parts.keys.unwrap(master, wrapped, _context(parts, person))


def wrap_person_key(parts: Parts, person: str, key: bytes) -> bytes:
    """A person's key, wrapped with the current master key."""
    return parts.keys.wrap(key, _context(parts, person))


def wrap_asset_key(key: bytes, person_key: bytes, asset: str) -> bytes:
    """An asset's key, wrapped with its person's."""
    return keys.wrap(key, person_key, asset.encode())


def unwrap_asset_key(wrapped: bytes, person_key: bytes, asset: str) -> bytes:
    """An asset's key.

    Raises:
        LostKeyError: it was changed, or wrapped with a key that is gone.
    """
    try:
        return keys.unwrap(wrapped, person_key, asset.encode())
    except InvalidTag:
        raise LostKeyError("The key of an asset does not fit its person's key, so the asset cannot be read.") from None


def lock(database: Database, connection: Connection, person: str, *, shared: bool = False) -> Any:
    """The person's row, kept as it is until the transaction ends; None if the person is not known.

    Shared by those who put; alone for those who change what is kept of the person. SQLite's writers are alone anyway.
    """
    query: Select[Any] = select(schema.people).where(schema.people.c.person == person)
    if not database.is_sqlite:
        query = query.with_for_update(read=shared)
    return connection.execute(query).first()


def known(parts: Parts, connection: Connection, person: str) -> Any:
    """The row of a person who says something that is to be remembered: made if there is none, and locked."""
    demands = schema.demands
    # Who wanted to be deleted and is here again is not forgotten with what is left of then.
    connection.execute(
        update(demands)
        .where(demands.c.person == person, demands.c.act == "delete", demands.c.done.is_not(None))
        .values(person=None)
    )
    while True:
        _insert_new(connection, schema.people, {"person": person, "created": parts.clock()})
        row = lock(parts.database, connection, person)
        if row is not None:  # or it was forgotten just then
            return row


def forget(parts: Parts, persons: Collection[str], *, and_what_they_said: bool = False) -> None:
    """Destroy the keys of those of whom nothing is kept any more, and forget who said nothing that must be remembered.

    Args:
        parts: of the store.
        persons: who may be among them.
        and_what_they_said: forget settings, objections and restrictions, too: they must be deleted. Of those who
            wanted to be, and whose wish is answered, they are forgotten anyway.
    """
    if not persons:
        return
    people, assets = schema.people.c, schema.assets
    kept = select(literal(1)).where(assets.c.person == people.person).exists()
    nothing_left = select(people.person).where(people.person.in_(persons), ~kept).order_by(people.person)
    demands = schema.demands
    deleted = and_(demands.c.act == "delete", demands.c.done.is_not(None))
    with parts.database.writing() as connection:
        locked = nothing_left if parts.database.is_sqlite else nothing_left.with_for_update(skip_locked=True)
        found = list(connection.execute(locked).scalars())
        if not found:
            return
        # Once more, now that nobody can put anything of them: a put may have ended while they were being locked.
        found = list(connection.execute(nothing_left.where(people.person.in_(found))).scalars())
        connection.execute(delete(schema.person_keys).where(schema.person_keys.c.person.in_(found)))
        gone = found
        if not and_what_they_said:
            wanted = select(demands.c.person).where(demands.c.person.in_(found), deleted).distinct()
            gone = list(connection.execute(wanted).scalars())
        for table in _SAID:
            connection.execute(delete(table).where(table.c.person.in_(gone)))
        connection.execute(update(demands).where(demands.c.person.in_(gone), deleted).values(person=None))
        said = [select(table.c.person).where(table.c.person == people.person).exists() for table in _SAID]
        quiet = and_(people.restricted.is_(None), *(~each for each in said))
        connection.execute(delete(schema.people).where(people.person.in_(found), or_(people.person.in_(gone), quiet)))


def _insert_new(connection: Connection, table: Any, values: dict[str, Any]) -> None:
    """Insert a row, unless there is one with that key."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(table).values(values).on_conflict_do_nothing())


def _context(parts: Parts, person: str) -> bytes:
    return f"{parts.store}\0{person}".encode()
