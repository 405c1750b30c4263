"""All that a store knows of a person, but for what is kept itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, union

from facegate.retention import demands, schema
from facegate.retention.demands import Demand
from facegate.retention.kept import time_of, written
from facegate.retention.parts import Parts
from facegate.rules.duration import show
from facegate.rules.keeping import Keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a store knows of a person at one time. Of somebody whom it does not know, nothing.

    Attributes:
        since: when the person became known; None: is not.
        count: assets that are kept.
        bytes: of their content.
        classes: of the policy, each with its reason, its time, and whether the person decides.
        settings: for how long the person wants classes to be kept, as far as that was said.
        objections: purposes that the person objected to, and when.
        restricted: since when nothing is used; None: it is.
        holds: legal holds that keep something of the person; that there are, not why.
        wishes: that wait for an answer.
    """

    since: datetime | None
    count: int
    bytes: int
    classes: Mapping[str, Keeping] = field(repr=False)
    settings: Mapping[str, timedelta]
    objections: Mapping[str, datetime]
    restricted: datetime | None
    holds: int
    wishes: tuple[Demand, ...]

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "since": None if self.since is None else written(self.since),
            "count": self.count,
            "bytes": self.bytes,
            "classes": {name: each.as_dict() for name, each in sorted(self.classes.items())},
            "settings": {name: show(each) for name, each in sorted(self.settings.items())},
            "objections": {name: written(each) for name, each in sorted(self.objections.items())},
            "restricted": None if self.restricted is None else written(self.restricted),
            "holds": self.holds,
            "wishes": [each.as_dict() for each in self.wishes],
        }


def look(parts: Parts, person: str, *, without: str) -> Known:
    """What is known of a person now.

    Args:
        parts: of the store.
        person: the pseudonym.
        without: number of the wish that this answers.
    """
    assets, settings, objections = schema.assets, schema.settings.c, schema.objections.c
    mine = (assets.c.person == person, schema.is_kept)
    with parts.database.reading() as connection:
        row = connection.execute(select(schema.people).where(schema.people.c.person == person)).first()
        total = connection.execute(select(func.count(), func.coalesce(func.sum(assets.c.bytes), 0)).where(*mine)).one()
        wanted = connection.execute(
            select(settings.kept_as, settings.milliseconds).where(settings.person == person)
        ).all()
        against = connection.execute(
            select(objections.purpose, objections.since).where(objections.person == person)
        ).all()
        holds = connection.execute(_holds(person)).scalar_one()
    wishes = demands.waiting(parts, person=person)
    return Known(
        since=None if row is None else time_of(row.created),
        count=total[0],
        bytes=int(total[1]),
        classes=parts.rules.retention,
        settings={each.kept_as: timedelta(milliseconds=each.milliseconds) for each in wanted},
        objections={each.purpose: time_of(each.since) for each in against},
        restricted=None if row is None or row.restricted is None else time_of(row.restricted),
        holds=holds,
        wishes=tuple(each for each in wishes if each.demand != without),
    )


def _holds(person: str) -> Any:
    """A query for how many holds keep something of a person, or will keep whatever comes."""
    assets, held, holds = schema.assets, schema.held, schema.holds
    some = (
        select(held.c.hold).join(assets, assets.c.id == held.c.asset).where(assets.c.person == person, schema.is_kept)
    )
    all_of = select(holds.c.id).where(holds.c.target == "person", holds.c.value == person, holds.c.released.is_(None))
    return select(func.count()).select_from(union(some, all_of).subquery())
