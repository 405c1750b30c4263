"""People, as far as a store knows them: a pseudonym, a key, and what they said about what is kept of them."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Final, NamedTuple

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


class PersonKey(NamedTuple):
    """A person's key.

    Attributes:
        plain: 32 bytes.
        master: ID of the master key that wraps it.
        wrapped: by that.
        new: whether it was made just now, so that it is in no database yet.
    """

    plain: bytes
    master: str
    wrapped: bytes
    new: bool


def key_of(parts: Parts, person: str) -> PersonKey:
    """A person's key, or a new one where there is none; `use_key` writes it down.

    Raises:
        MasterKeyError: it cannot be unwrapped.
    """
    query = select(schema.person_keys.c.master, schema.person_keys.c.wrapped).where(
        schema.person_keys.c.person == person
    )
    with parts.database.reading() as connection:
        row = connection.execute(query).first()
    # The master key may be far away, so it is not asked within a transaction.
    if row is None:
        plain = os.urandom(keys.KEY_BYTES)
        return PersonKey(plain, parts.keys.current, parts.keys.wrap(plain, _context(parts, person)), new=True)
    return PersonKey(unwrap_person_key(parts, person, row.master, row.wrapped), row.master, row.wrapped, new=False)


def use_key(parts: Parts, connection: Connection, person: str, key: PersonKey) -> bool:
    """Have a person be known by a key, which stays until the transaction ends.

    In the same transaction as what the key is for, or whoever is killed in between leaves a person of whom nothing is
    kept.

    Returns:
        Whether it is the person's key; otherwise it was made, rotated or destroyed since it was asked for.
    """
    if key.new:
        _insert_new(connection, schema.people, {"person": person, "created": parts.clock()})
    if lock(parts.database, connection, person, shared=True) is None:
        return False  # forgotten meanwhile
    if key.new:
        _insert_new(connection, schema.person_keys, {"person": person, "master": key.master, "wrapped": key.wrapped})
    query = select(schema.person_keys.c.wrapped).where(schema.person_keys.c.person == person)
    return bool(connection.execute(query).scalar() == key.wrapped)


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


def lock_all(database: Database, connection: Connection, persons: Collection[str], *, shared: bool = False) -> None:
    """The same for many, always in one order: in another, each of two could wait for the other."""
    if not database.is_sqlite:
        table = schema.people.c
        query = select(table.person).where(table.person.in_(persons)).order_by(table.person)
        connection.execute(query.with_for_update(read=shared)).all()


def known(parts: Parts, connection: Connection, person: str) -> Any:
    """The row of a person who says something that is to be remembered: made if there is none, and locked."""
    row = None
    while row is None:  # or it was forgotten just then
        _insert_new(connection, schema.people, {"person": person, "created": parts.clock()})
        row = lock(parts.database, connection, person)
    demands = schema.demands
    # Who wanted to be deleted and is here again is not forgotten with what is left of then. After the lock, as
    # `forget` takes them, or each would wait for the other.
    connection.execute(
        update(demands)
        .where(demands.c.person == person, demands.c.act == "delete", demands.c.done.is_not(None))
        .values(person=None)
    )
    return row


def forget(parts: Parts, connection: Connection, persons: Collection[str], *, and_what_they_said: bool = False) -> None:
    """Destroy the keys of those of whom nothing is kept any more, and forget who said nothing that must be remembered.

    In the same transaction as what makes it the last, or whoever is killed in between leaves them known for good.

    Args:
        parts: of the store.
        connection: in a transaction.
        persons: who may be among them.
        and_what_they_said: forget settings, objections and restrictions, too: they must be deleted. Of those who
            wanted to be, and whose wish is answered, they are forgotten anyway.
    """
    if not persons:
        return
    people, assets = schema.people.c, schema.assets
    kept = select(literal(1)).where(assets.c.person == people.person).exists()
    demands = schema.demands
    deleted = and_(demands.c.act == "delete", demands.c.done.is_not(None))
    # Nobody puts anything of them from here on.
    lock_all(parts.database, connection, persons)
    found = list(connection.execute(select(people.person).where(people.person.in_(persons), ~kept)).scalars())
    if not found:
        return
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
