"""What people asked for: each has a number, a day by which it is answered, and an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import insert, select, update

from facegate.errors import NotKeptError, RetentionError
from facegate.receipt.act import ActWord
from facegate.retention import schema
from facegate.retention.kept import time_of, written
from facegate.retention.parts import Parts, check_text, milliseconds, new_id

Wish: TypeAlias = Literal["access", "correct", "export", "restrict", "object", "withdraw", "delete"]
WISHES: Final = get_args(Wish)
# What the ledger calls a wish that is fulfilled.
_ACTS: Final[dict[Wish, ActWord]] = {
    "access": "accessed",
    "correct": "corrected",
    "export": "exported",
    "restrict": "restricted",
    "object": "objected",
    "withdraw": "withdrawn",
    "delete": "deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A wish that is not answered yet.

    Attributes:
        demand: its number, 32 hex digits.
        wish: what is asked for.
        received: when it came.
        due: by when it is to be answered.
        overdue: whether that is past.
    """

    demand: str
    wish: str
    received: datetime
    due: datetime
    overdue: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "demand": self.demand,
            "wish": self.wish,
            "received": written(self.received),
            "due": written(self.due),
            "overdue": self.overdue,
        }


def receive(parts: Parts, wish: Wish, person: str, *, received: int | None = None) -> str:
    """Write a wish down; its number."""
    check_text("person", person)
    if wish not in WISHES:
        raise RetentionError(f"What people may ask for is: {', '.join(WISHES)}.")
    at = parts.clock() if received is None else received
    demand, due = new_id(at), at + milliseconds(parts.rules.answer_within)
    with parts.database.writing() as connection:
        connection.execute(insert(schema.demands).values(id=demand, act=wish, person=person, received=at, due=due))
    return demand


def person_of(parts: Parts, demand: str, wish: Wish) -> str:
    """Whose wish it is.

    Raises:
        NotKeptError: there is no such wish that waits for an answer.
    """
    table = schema.demands
    query = select(table.c.person).where(table.c.id == demand, table.c.act == wish, table.c.done.is_(None))
    with parts.database.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise NotKeptError("No wish of that number waits for an answer.")
    return str(row.person)


def answer(parts: Parts, demand: str) -> None:
    """The wish is fulfilled; whose it was is forgotten."""
    table = schema.demands
    with parts.database.writing() as connection:
        connection.execute(update(table).where(table.c.id == demand).values(done=parts.clock(), person=None))


def waiting(parts: Parts) -> list[Demand]:
    """Wishes that are not answered, the most urgent first."""
    table, now = schema.demands, parts.clock()
    query = select(table).where(table.c.done.is_(None)).order_by(table.c.due)
    with parts.database.reading() as connection:
        rows = connection.execute(query).all()
    return [
        Demand(
            demand=row.id,
            wish=row.act,
            received=time_of(row.received),
            due=time_of(row.due),
            overdue=row.due < now,
        )
        for row in rows
    ]


def settle(parts: Parts, *, who: str) -> int:
    """Answer wishes to delete of which nothing is left to do: what held them was released, and is deleted."""
    table, assets = schema.demands, schema.assets
    lawful = [name for name, each in parts.rules.retention.items() if not each.person_decides]
    left = (
        select(assets.c.id)
        .where(assets.c.person == table.c.person, assets.c.kept_as.not_in(lawful))
        .where(assets.c.created <= table.c.received)
        .exists()
    )
    query = select(table.c.id).where(table.c.done.is_(None), table.c.act == "delete", ~left)
    with parts.database.reading() as connection:
        ready = list(connection.execute(query).scalars())
    for demand in ready:
        parts.record(_ACTS["delete"], who, "wish", count=0, demand=demand)
        answer(parts, demand)
    return len(ready)
