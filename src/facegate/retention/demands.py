"""What people asked for: each has a number, a day by which it is answered, and an end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import and_, case, insert, literal, or_, select, update
from sqlalchemy.engine import Connection

from facegate.errors import NotKeptError, RetentionError
from facegate.retention import deleting, erasing, people, schema
from facegate.retention.kept import time_of, written
from facegate.retention.parts import Parts, check_text, milliseconds, new_id

Wish: TypeAlias = Literal["access", "correct", "export", "restrict", "object", "withdraw", "delete"]
WISHES: Final = get_args(Wish)
# Wishes that are the same whoever utters them, so that one answer answers each. The others have particulars, which are
# not written down here: which label, which purpose.
_PLAIN: Final = frozenset({"access", "export", "restrict", "delete"})
_NUMBER: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A wish that is not answered yet.

    Attributes:
        demand: its number, 32 hex digits.
        wish: what is asked for.
        received: when it came.
        due: by when it is to be answered.
        overdue: whether that is past.
        person: whose wish it is; neither in the repr nor in `as_dict`.
    """

    demand: str
    wish: str
    received: datetime
    due: datetime
    overdue: bool
    person: str = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "demand": self.demand,
            "wish": self.wish,
            "received": written(self.received),
            "due": written(self.due),
            "overdue": self.overdue,
        }


def receive(parts: Parts, wish: Wish, person: str) -> str:
    """Write a wish down; its number."""
    return write_down(parts, wish, person).demand


def write_down(parts: Parts, wish: Wish, person: str, *, received_at: datetime | None = None) -> Demand:
    """As `Rights.receive`."""
    check_text("person", person)
    if wish not in WISHES:
        raise RetentionError(f"What people may ask for is: {', '.join(WISHES)}.")
    at = now = parts.clock()
    if received_at is not None:
        if not isinstance(received_at, datetime) or received_at.utcoffset() is None:
            raise RetentionError("received_at must be a datetime with a time zone.")
        if not 0 <= (received := int(received_at.timestamp() * 1000)) <= at:
            raise RetentionError("received_at must not be in the future, nor before 1970.")
        at = received
    with parts.database.writing() as connection:
        number = _insert(parts, connection, wish, person, at)
    due = at + milliseconds(parts.rules.answer_within)
    return _demand(number, wish, at, due, person, now)


def take(parts: Parts, connection: Connection, wish: Wish, person: str, number: str | None) -> str:
    """The number of the wish that is being fulfilled: the one named, or one that waits, or one that is received now.

    Raises:
        NotKeptError: the one named is of another person, for something else, answered, or none.
    """
    table = schema.demands
    query = select(table.c.id).where(table.c.person == person, table.c.act == wish, table.c.done.is_(None))
    if number is not None:
        known = isinstance(number, str) and _NUMBER.fullmatch(number) is not None
        if not known or connection.execute(query.where(table.c.id == number)).first() is None:
            raise NotKeptError(f"No wish of that number, to {wish}, of that person waits for an answer.")
        return number
    # A call that failed halfway left its wish waiting; the next one is about the same.
    oldest = query.order_by(table.c.due, table.c.id).limit(1)
    found = connection.execute(oldest).scalar() if wish in _PLAIN else None
    return _insert(parts, connection, wish, person, parts.clock()) if found is None else str(found)


def answer(parts: Parts, number: str) -> None:
    """The wish is fulfilled, and on the ledger; whose it was is forgotten.

    Who wanted to be deleted is remembered as long as anything is: see `people.forget`.
    """
    table = schema.demands
    with parts.database.writing() as connection:
        query = select(table.c.person).where(table.c.id == number, table.c.act == "delete")
        whose = list(connection.execute(query).scalars())
        people.lock_all(parts.database, connection, whose)
        _close(parts, connection, number, whose)
    parts.database.empty_log()


def waiting(parts: Parts, *, person: str | None = None) -> list[Demand]:
    """Wishes that are not answered, the most urgent first."""
    table, now = schema.demands, parts.clock()
    query = select(table).where(table.c.done.is_(None)).order_by(table.c.due, table.c.id)
    with parts.database.reading() as connection:
        rows = connection.execute(query if person is None else query.where(table.c.person == person)).all()
    return [_demand(row.id, row.act, row.received, row.due, row.person, now) for row in rows]


def settle(parts: Parts, *, who: str) -> int:
    """Answer wishes to delete of which nothing is left to do: what held them was released, and is deleted."""
    table, assets = schema.demands, schema.assets
    lawful = erasing.lawful(parts)
    left = (
        select(assets.c.id)
        .where(assets.c.person == table.c.person, assets.c.kept_as.not_in(lawful))
        # What came later and is due all the same was deleted with the rest, and a hold keeps it.
        .where(or_(assets.c.created <= table.c.received, assets.c.due <= parts.clock()))
        .exists()
    )
    query = select(table.c.id, table.c.person).where(table.c.done.is_(None), table.c.act == "delete", ~left)
    with parts.database.reading() as connection:
        ready = connection.execute(query).all()
    answered = 0
    for row in ready:
        mine = and_(assets.c.person == row.person, assets.c.kept_as.in_(lawful), schema.is_kept)
        open_still = select(table.c.id).where(table.c.id == row.id, table.c.done.is_(None))
        with parts.database.writing() as connection:
            people.lock_all(parts.database, connection, [row.person])
            if not parts.database.is_sqlite:
                open_still = open_still.with_for_update()
            if connection.execute(open_still).first() is None:
                continue  # another sweeper answered it meanwhile
            kept = deleting.count(connection, mine)
            # Within the transaction, so that it is on the ledger once.
            parts.record("deleted", who, "wish", count=0, kept=kept, demand=row.id)
            _close(parts, connection, row.id, [row.person])
        answered += 1
    if answered:
        parts.database.empty_log()
    return answered


def _close(parts: Parts, connection: Connection, number: str, whose: list[str]) -> None:
    """After the lock on whose wish to be deleted it is."""
    table = schema.demands
    there = select(literal(1)).where(schema.people.c.person == table.c.person).exists()
    person = case((and_(table.c.act == "delete", there), table.c.person), else_=None)
    connection.execute(update(table).where(table.c.id == number).values(done=parts.clock(), person=person))
    people.forget(parts, connection, whose)


def _insert(parts: Parts, connection: Connection, wish: Wish, person: str, at: int) -> str:
    number, due = new_id(at), at + milliseconds(parts.rules.answer_within)
    connection.execute(insert(schema.demands).values(id=number, act=wish, person=person, received=at, due=due))
    return number


def _demand(number: str, wish: str, received: int, due: int, person: str, now: int) -> Demand:
    return Demand(
        demand=number,
        wish=wish,
        received=time_of(received),
        due=time_of(due),
        overdue=due < now,
        person=person,
    )
