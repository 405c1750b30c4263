"""List what is kept, page by page, without content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, select

from facegate.errors import RetentionError
from facegate.retention import schema
from facegate.retention.kept import Kept
from facegate.retention.parts import Parts

_PAGE: Final = 500


def kept(parts: Parts, *, person: str | None, request: str | None) -> Iterator[Kept]:
    """As `RetentionStore.kept`."""
    assets = schema.assets
    if (person is None) == (request is None):
        raise RetentionError("List what is kept of a person, or of a request: name one of them.")
    return pages(parts, assets.c.person == person if request is None else assets.c.request == request)


def pages(parts: Parts, which: ColumnElement[bool]) -> Iterator[Kept]:
    """All that is kept of a kind, by the time at which it was put; no transaction stays open in between."""
    assets, after = schema.assets, ""
    while True:
        query = (
            select(assets)
            .where(which, assets.c.id > after, assets.c.state == schema.KEPT)
            .order_by(assets.c.id)
            .limit(_PAGE)
        )
        with parts.database.reading() as connection:
            rows = connection.execute(query).all()
        yield from map(Kept.of, rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1].id
