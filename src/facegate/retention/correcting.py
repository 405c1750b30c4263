"""The right to correct: what the person calls things."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import and_, update

from facegate.errors import NotKeptError
from facegate.retention import deleting, demands, people, schema
from facegate.retention.answers import Corrected
from facegate.retention.parts import Parts, check_text

_ID: Final = re.compile(r"[0-9a-f]{32}")


def correct(
    parts: Parts, person: str, *, label: str | None, who: str, asset: str | None, demand: str | None
) -> Corrected:
    """As `Rights.correct`."""
    check_text("person", person)
    check_text("who", who)
    if label is not None:
        check_text("label", label)
    if asset is not None and (not isinstance(asset, str) or _ID.fullmatch(asset) is None):
        raise NotKeptError("Nothing of that ID is kept of that person.")
    assets = schema.assets
    which = and_(assets.c.person == person, schema.is_kept)
    if asset is not None:
        which = and_(which, assets.c.id == asset)
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "correct", person, demand)
        people.lock(parts.database, connection, person)
        deleting.lock(parts, connection, which)
        count = connection.execute(update(assets).where(which).values(label=label)).rowcount
        if asset is not None and not count:
            raise NotKeptError("Nothing of that ID is kept of that person.")
    receipt = parts.record("corrected", who, "wish", count=count, asset=asset, demand=number)
    demands.answer(parts, number)
    return Corrected(count=count, demand=number, receipt=receipt)
