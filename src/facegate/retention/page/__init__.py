"""The figures of a store as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from facegate import page, words
from facegate.retention.page import charts

_A_DAY: Final = 86400


def render(report: dict[str, Any]) -> str:
    """The page; every figure on it is one of the report, and says which.

    Args:
        report: what `facegate.retention.figures.Figures.as_dict` gives.
    """
    classes = [each for each in report["classes"] if each["count"]]
    wishes = report["wishes"]["byWish"]
    return page.render(
        "facegate.retention.page",
        "report.html",
        report=report,
        verdict=_verdict(report),
        at=lambda pointer: _at(report, pointer),
        words=words,
        lives=[
            (each, charts.strip(each["byLife"], f"/classes/{place}/byLife", "life"))
            for place, each in enumerate(report["classes"])
            if each["count"]
        ],
        life_names=list(report["classes"][0]["byLife"]) if classes else [],
        late=[
            (each, f"/classes/{place}/overdue", _part(each["overdue"]["count"], classes, place))
            for place, each in enumerate(report["classes"])
            if each["overdue"]["count"]
        ],
        held=charts.strip(report["holds"]["byTarget"], "/holds/byTarget", "target"),
        left=[
            (each, charts.strip(each["byDaysLeft"], f"/wishes/byWish/{place}/byDaysLeft", "left", _most(wishes)))
            for place, each in enumerate(wishes)
        ],
        left_names=list(wishes[0]["byDaysLeft"]) if wishes else [],
        days=charts.columns(report["deletions"], date.fromisoformat(report["generated"][:10])),
    )


def _at(report: dict[str, Any], pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at; no name here has a character that it would escape."""
    found: Any = report
    for name in pointer.split("/")[1:]:
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def _most(wishes: list[dict[str, Any]]) -> int:
    return max(int(each["count"]) for each in wishes)


def _part(count: int, classes: list[dict[str, Any]], place: int) -> tuple[charts.Mark, ...]:
    """A bar as long as the share of the class that is overdue most."""
    most = max(each["overdue"]["count"] for each in classes)
    return charts.strip({"count": count}, f"/classes/{place}/overdue", "late", most)


def _verdict(report: dict[str, Any]) -> str:
    """How the summary is coloured: something is late by days, something waits for a sweep, or nothing does."""
    since = max((each["overdue"]["oldestSeconds"] or 0 for each in report["classes"]), default=0)
    if report["wishes"]["overdue"] or since > _A_DAY:
        return "bad"
    return "open" if report["overdue"]["count"] else "good"
