"""How long a person wants things to be kept, where the policy lets the person decide."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, insert, update

from facegate.errors import RestrictedError, RetentionError
from facegate.retention import deleting, demands, people, putting, schema
from facegate.retention.answers import Setting
from facegate.retention.parts import Parts, check_text, milliseconds
from facegate.rules.keeping import Keeping


def setting(
    parts: Parts, person: str, kept_as: str, duration: timedelta | None, *, who: str, demand: str | None
) -> Setting:
    """As `Rights.setting`."""
    check_text("person", person)
    check_text("who", who)
    keeping = _class(parts, kept_as)
    if duration is not None and (not isinstance(duration, timedelta) or duration < timedelta(0)):
        raise RetentionError("A duration must be a timedelta that is not negative, or None for the policy's.")
    assets, table = schema.assets, schema.settings
    with parts.database.writing() as connection:
        number = demands.take(parts, connection, "correct", person, demand)
        # Nobody puts anything of this person meanwhile, so that each has the old time, and is changed, or the new.
        people.known(parts, connection, person)
        connection.execute(delete(table).where(table.c.person == person, table.c.kept_as == kept_as))
        if duration is not None:
            values = {"person": person, "kept_as": kept_as, "milliseconds": milliseconds(duration)}
            connection.execute(insert(table).values(values))
        longest = putting.shortest(connection, person, keeping)
        # Never later than it is: a time that was promised is not taken back by a longer one.
        later = and_(
            assets.c.person == person,
            assets.c.kept_as == kept_as,
            assets.c.state.in_((schema.KEPT, schema.WRITING)),
            assets.c.due > assets.c.created + longest,
        )
        sooner = 0
        if duration is not None:
            deleting.lock(parts, connection, later)
            sooner = connection.execute(update(assets).where(later).values(due=assets.c.created + longest)).rowcount
        people.forget(parts, connection, [person])
    receipt = parts.record("settings", who, kept_as, count=sooner, demand=number)
    demands.answer(parts, number)
    return Setting(
        kept_as=kept_as,
        wanted=duration,
        effective=timedelta(milliseconds=longest),
        policy_wins=duration is not None and duration > keeping.duration,
        count=sooner,
        demand=number,
        receipt=receipt,
    )


def _class(parts: Parts, kept_as: str) -> Keeping:
    keeping = parts.rules.retention.get(kept_as) if isinstance(kept_as, str) else None
    if keeping is None:
        known = ", ".join(sorted(parts.rules.retention)) or "none"
        raise RetentionError(f"The policy keeps nothing of that class; its classes are: {known}.")
    if not keeping.person_decides:
        raise RestrictedError(f"How long {kept_as} is kept is not the person's to decide: {keeping.says}")
    return keeping
