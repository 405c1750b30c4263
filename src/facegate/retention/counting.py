"""Count what a store holds. The database groups and adds; no row of an asset, a person or a wish comes out of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, literal_column, select
from sqlalchemy.engine import Connection

from facegate.retention import schema
from facegate.retention.counted import ClassFigures, DeletionFigures, HoldFigures, UnfinishedFigures, WishFigures
from facegate.retention.holding import TARGETS
from facegate.retention.kept import time_of
from facegate.retention.parts import milliseconds
from facegate.rules.model import Rules

_DAY: Final = 86_400_000
# Upper bounds in milliseconds; what is above the last is in the bucket of its own that comes last.
AGES: Final = {
    "under 1 day": _DAY,
    "under 1 week": 7 * _DAY,
    "under 30 days": 30 * _DAY,
    "under 90 days": 90 * _DAY,
    "under 180 days": 180 * _DAY,
    "under 365 days": 365 * _DAY,
    "365 days or more": None,
}
# In quarters of the class's duration.
LIVES: Final = {"first quarter": 1, "second quarter": 2, "third quarter": 3, "last quarter": 4, "longer": None}
LEFT: Final = {
    "overdue": 0,
    "under 1 day": _DAY,
    "under 3 days": 3 * _DAY,
    "under 7 days": 7 * _DAY,
    "under 14 days": 14 * _DAY,
    "under 30 days": 30 * _DAY,
    "30 days or more": None,
}
DAYS: Final = 30
# Reasons are the callers' words: more of them can't be told apart, and a rare one may speak of one person.
MOST_REASONS: Final = 8
OTHER: Final = "other"


def classes(connection: Connection, rules: Rules, now: int) -> tuple[ClassFigures, ...]:
    """By class: those of the policy in their order, then those that it does not name any more."""
    assets = schema.assets.c
    age, free = now - assets.created, schema.is_free
    durations = {name: milliseconds(each.duration) for name, each in rules.retention.items()}
    # What the policy does not name any more is held against what it was promised when it was put.
    duration: Any = assets.due - assets.created
    if durations:
        duration = case(*((assets.kept_as == name, length) for name, length in durations.items()), else_=duration)
    overdue = and_(assets.due <= now, free)
    query = select(
        assets.kept_as,
        func.count().label("many"),
        func.sum(assets.bytes).label("bytes"),
        func.count().filter(assets.holds > 0).label("held"),
        func.min(assets.created).label("oldest"),
        func.min(assets.due).filter(assets.due > now, free).label("next_due"),
        func.count().filter(overdue).label("overdue"),
        func.sum(assets.bytes).filter(overdue).label("overdue_bytes"),
        func.min(assets.due).filter(overdue).label("overdue_since"),
        *_buckets("life", 4 * age, {name: quarter and quarter * duration for name, quarter in LIVES.items()}),
        *_buckets("age", age, AGES),
    )
    rows = {row.kept_as: row for row in connection.execute(query.where(schema.is_kept).group_by(assets.kept_as))}
    medians = _medians(connection)
    names = [*rules.retention, *sorted(rows.keys() - rules.retention.keys())]
    return tuple(_class(name, rows.get(name), medians.get(name), rules, now) for name in names)


def _class(name: str, row: Any, median: int | None, rules: Rules, now: int) -> ClassFigures:
    keeping = rules.retention.get(name)
    return ClassFigures(
        kept_as=name,
        duration=None if keeping is None else keeping.duration,
        count=row.many if row else 0,
        bytes=int(row.bytes) if row else 0,
        held=row.held if row else 0,
        oldest=_since(now, row.oldest if row else None),
        median=_since(now, median),
        next_due=time_of(row.next_due) if row and row.next_due is not None else None,
        by_life=_read(row, "life", LIVES),
        by_age=_read(row, "age", AGES),
        overdue=row.overdue if row else 0,
        overdue_bytes=int(row.overdue_bytes or 0) if row else 0,
        overdue_since=_since(now, row.overdue_since if row else None),
    )


def _medians(connection: Connection) -> dict[str, int]:
    """By class, when the one in the middle was put; the database numbers them in the order of an index."""
    assets = schema.assets.c
    place = func.row_number().over(partition_by=assets.kept_as, order_by=assets.created)
    number = func.count().over(partition_by=assets.kept_as)
    placed = select(assets.kept_as, assets.created, place.label("place"), number.label("number"))
    each = placed.where(schema.is_kept).subquery().c
    query = select(each.kept_as, each.created).where(
        2 * each.place - each.number >= 0, 2 * each.place - each.number < 2
    )
    return {row.kept_as: row.created for row in connection.execute(query)}


def holds(connection: Connection, now: int) -> HoldFigures:
    """Those in force, and what they keep."""
    table, assets = schema.holds.c, schema.assets.c
    in_force = select(table.target, func.count().label("many"), func.min(table.placed).label("oldest"))
    rows = connection.execute(in_force.where(table.released.is_(None)).group_by(table.target)).all()
    found = {row.target: row.many for row in rows}
    held = select(func.count().label("many"), func.sum(assets.bytes).label("bytes"))
    under = connection.execute(held.where(schema.is_kept, assets.holds > 0)).one()
    return HoldFigures(
        count=sum(found.values()),
        by_target={each: found.get(each, 0) for each in TARGETS},
        assets=under.many,
        bytes=int(under.bytes or 0),
        oldest=_since(now, min((row.oldest for row in rows), default=None)),
    )


def unfinished(connection: Connection, now: int) -> UnfinishedFigures:
    """What has a lease."""
    assets = schema.assets.c
    query = select(assets.state, func.count().label("many"), func.count().filter(assets.lease <= now).label("past"))
    rows = connection.execute(query.where(assets.lease.is_not(None)).group_by(assets.state))
    found = {row.state: (row.many, row.past) for row in rows}
    (writing, writing_past), (deleting, deleting_past) = (
        found.get(state, (0, 0)) for state in (schema.WRITING, schema.DELETING)
    )
    return UnfinishedFigures(writing=writing, writing_past=writing_past, deleting=deleting, deleting_past=deleting_past)


def deletions(connection: Connection, now: int) -> tuple[DeletionFigures, ...]:
    """Of today and the days before, from the tombstones; by day, then by reason."""
    assets, today = schema.assets.c, now // _DAY
    day = assets.deleted // literal_column(str(_DAY))
    query = (
        select(day.label("day"), assets.why, func.count().label("many"), func.sum(assets.bytes).label("bytes"))
        .where(assets.deleted >= (today - DAYS + 1) * _DAY)
        .group_by(day, assets.why)
    )
    rows = connection.execute(query).all()
    by_reason: Counter[str] = Counter()
    for row in rows:
        by_reason[row.why] += row.many
    frequent = set(by_reason)
    if len(by_reason) > MOST_REASONS:
        # Of equals the first by name, so that the same store has the same figures.
        frequent = set(sorted(by_reason, key=lambda why: (-by_reason[why], why))[: MOST_REASONS - 1])
    counts: Counter[tuple[int, str]] = Counter()
    sizes: Counter[tuple[int, str]] = Counter()
    for row in rows:
        # Another machine's clock may be a little ahead; there is no tomorrow here.
        key = min(row.day, today), row.why if row.why in frequent else OTHER
        counts[key] += row.many
        sizes[key] += int(row.bytes)
    return tuple(
        DeletionFigures(day=_day(day), why=why, count=counts[day, why], bytes=sizes[day, why])
        for day, why in sorted(counts)
    )


def wishes(connection: Connection, now: int) -> tuple[WishFigures, ...]:
    """Those that wait for an answer, by kind; the kind with the most urgent one first."""
    table = schema.demands.c
    left = table.due - now
    query = select(
        table.act, func.count().label("many"), func.min(table.due).label("next_due"), *_buckets("left", left, LEFT)
    )
    rows = connection.execute(query.where(table.done.is_(None)).group_by(table.act)).all()
    return tuple(
        WishFigures(
            wish=row.act,
            count=row.many,
            overdue=_read(row, "left", LEFT)["overdue"],
            next_due=time_of(row.next_due),
            by_days_left=_read(row, "left", LEFT),
        )
        for row in sorted(rows, key=lambda row: (row.next_due, row.act))
    )


def people(connection: Connection) -> tuple[int, int]:
    """How many are known, and how many of them restricted the use of what is kept."""
    table = schema.people.c
    row = connection.execute(select(func.count(), func.count(table.restricted))).one()
    return row[0], row[1]


def _buckets(prefix: str, value: Any, bounds: dict[str, Any]) -> list[ColumnElement[Any]]:
    """One count for each bucket: what is below its bound and not below the bound before."""
    found: list[ColumnElement[Any]] = []
    before = None
    for number, bound in enumerate(bounds.values()):
        inside = [] if bound is None else [value < bound]
        inside += [] if before is None else [value >= before]
        found.append(func.count().filter(*inside).label(f"{prefix}_{number}"))
        before = bound
    return found


def _read(row: Any, prefix: str, bounds: dict[str, Any]) -> dict[str, int]:
    return {name: getattr(row, f"{prefix}_{number}") if row else 0 for number, name in enumerate(bounds)}


def _since(now: int, then: int | None) -> timedelta | None:
    # Another machine's clock may be a little ahead.
    return None if then is None else timedelta(milliseconds=max(0, now - then))


def _day(number: int) -> date:
    return datetime.fromtimestamp(number * _DAY / 1000, UTC).date()
