"""The right to know: everything that is held on a person, without its content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from facegate.receipt.act_receipt import ActReceipt
from facegate.retention import demands, known, listing, schema
from facegate.retention.kept import Kept
from facegate.retention.known import Known
from facegate.retention.parts import Parts, check_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Known):
    """What is held on a person: `Known`, and by iterating, each `Kept`, in the order in which it was put.

    The figures are of when the right was used. What is kept comes from the database page by page, each time it is
    iterated, so that its number does not matter; what was deleted since does not come.

    Attributes:
        demand: number of the wish.
        receipt: signed, and on the ledger.
    """

    demand: str
    receipt: ActReceipt
    pages: Callable[[], Iterator[Kept]] = field(repr=False)

    def __iter__(self) -> Iterator[Kept]:
        """What is kept.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        return self.pages()

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON, in memory, without the receipt."""
        return {"demand": self.demand, **self.summary(), "kept": [each.as_dict() for each in self]}


def access(parts: Parts, person: str, *, who: str, demand: str | None) -> Access:
    """As `Rights.access`."""
    check_text("person", person)
    check_text("who", who)
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "access", person, demand)
    found = known.look(parts, person, without=number)
    receipt = parts.record("accessed", who, "wish", count=found.count, bytes=found.bytes, demand=number)
    demands.answer(parts, number)
    said = {each.name: getattr(found, each.name) for each in fields(found)}
    mine = schema.assets.c.person == person
    return Access(**said, demand=number, receipt=receipt, pages=lambda: listing.pages(parts, mine))
