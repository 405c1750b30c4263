"""Where the marks of the page's charts are, in hundredths of a chart's width and height: the template draws them.

Charts stretch with the page, so that their labels, which are no part of them, can be read on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

DAYS: Final = 30
_GAP: Final = 0.15  # of a column's width


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle.

    Attributes:
        x: left edge.
        y: upper edge.
        width: likewise in hundredths.
        height: likewise.
        colour: its CSS class.
        of: JSON pointer of the figure that it shows.
        value: the figure.
        says: what it is, for people who point at it.
    """

    x: float
    y: float
    width: float
    height: float
    colour: str
    of: str
    value: int
    says: str


@dataclass(frozen=True, slots=True)
class Columns:
    """A chart over days.

    Attributes:
        marks: one for each day and reason.
        first: day at the left.
        middle: day in the middle.
        last: day at the right.
        most: of a day, which is as high as the chart.
    """

    marks: tuple[Mark, ...]
    first: str
    middle: str
    last: str
    most: int


def strip(counts: Mapping[str, int], of: str, colour: str, whole: int | None = None) -> tuple[Mark, ...]:
    """A bar from left to right, one piece for each name.

    Args:
        counts: by name.
        of: JSON pointer of the counts.
        colour: beginning of the CSS classes, which end with the place of the name.
        whole: what the whole width is; by default all of them.
    """
    whole, left, marks = whole or sum(counts.values()), 0.0, []
    for place, (name, value) in enumerate(counts.items()):
        if value:
            width = 100 * value / whole
            marks.append(Mark(left, 0, width, 100, f"{colour}{place}", f"{of}/{name}", value, name))
            left += width
    return tuple(marks)


def columns(deletions: Mapping[str, Any], today: date) -> Columns:
    """Deletions of the last days, stacked by reason."""
    order = [each["why"] for each in deletions["byReason"]]
    days = [today - timedelta(days=DAYS - 1 - place) for place in range(DAYS)]
    totals = dict.fromkeys(days, 0)
    by_day: Sequence[dict[str, Any]] = deletions["byDay"]
    for each in by_day:
        totals[date.fromisoformat(each["day"])] += each["count"]
    most = max(totals.values())
    above, marks = dict.fromkeys(days, 0), []
    # In the order of reasons, so that a colour is at the same place in each column.
    for position, each in sorted(enumerate(by_day), key=lambda item: order.index(item[1]["why"])):
        day = date.fromisoformat(each["day"])
        above[day] += each["count"]
        marks.append(
            Mark(
                x=(days.index(day) + _GAP / 2) * 100 / DAYS,
                y=100 - 100 * above[day] / most,
                width=(1 - _GAP) * 100 / DAYS,
                height=100 * each["count"] / most,
                colour=f"reason{order.index(each['why'])}",
                of=f"/deletions/byDay/{position}/count",
                value=each["count"],
                says=f"{each['why']}, {each['day']}",
            )
        )
    first, middle, last = (days[place].isoformat() for place in (0, DAYS // 2, -1))
    return Columns(tuple(marks), first, middle, last, most)
