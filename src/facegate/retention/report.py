"""The figures of a store for people: in a terminal, as JSON, as a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from facegate import words
from facegate.retention import page
from facegate.retention.figures import Figures

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def to_json(figures: Figures) -> str:
    """All of them."""
    return json.dumps(figures.as_dict(), indent=2) + "\n"


def to_html(figures: Figures) -> str:
    """One page, which loads nothing from anywhere and runs nothing."""
    return page.render(figures.as_dict())


def show(figures: Figures, console: Console) -> None:
    """Tables in a terminal."""
    found = figures.as_dict()
    console.print(f"Store {figures.store}, {words.when(found['generated'])}", highlight=False)
    console.print(
        f"Policy {figures.policy}, version {figures.version}, {figures.digest}", highlight=False, soft_wrap=True
    )
    console.print(_classes(found))
    if found["deletions"]["byReason"]:
        console.print(_reasons(found))
    if found["wishes"]["byWish"]:
        console.print(_wishes(found))
    for line in _lines(found):
        console.print(line, highlight=False, soft_wrap=True)


def _classes(found: dict[str, Any]) -> Table:
    table = _table("class", "kept for", "assets", "content", "held", "overdue", "oldest", "median", "next due")
    for each in found["classes"]:
        table.add_row(
            each["class"],
            each["for"] or "not in the policy",
            words.number(each["count"]),
            words.size(each["bytes"]),
            words.number(each["held"]),
            words.number(each["overdue"]["count"]),
            words.age(each["oldestSeconds"]),
            words.age(each["medianSeconds"]),
            words.when(each["nextDue"]),
        )
    return table


def _reasons(found: dict[str, Any]) -> Table:
    table = _table("deleted in 30 days because", "assets", "content")
    for each in found["deletions"]["byReason"]:
        table.add_row(each["why"], words.number(each["count"]), words.size(each["bytes"]))
    return table


def _wishes(found: dict[str, Any]) -> Table:
    table = _table("wish", "waiting", "overdue", "the first by")
    for each in found["wishes"]["byWish"]:
        table.add_row(
            each["wish"], words.number(each["count"]), words.number(each["overdue"]), words.when(each["nextDue"])
        )
    return table


def _table(first: str, *others: str) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(first)
    for each in others:
        table.add_column(each, justify="right")
    return table


def _lines(found: dict[str, Any]) -> list[str]:
    kept, overdue, holds, unfinished = (found[name] for name in ("kept", "overdue", "holds", "unfinished"))
    people, keys = found["people"], found["masterKeys"]
    held = f"{words.count(holds['count'], 'legal hold')} in force"
    if holds["count"]:
        held += f" on {words.count(holds['assets'], 'asset')}, the oldest for {words.age(holds['oldestSeconds'])}"
    late = f"overdue: {words.number(overdue['count'])}"
    if overdue["count"]:
        since = max(each["overdue"]["oldestSeconds"] or 0 for each in found["classes"])
        late += f", {words.size(overdue['bytes'])}, the first for {words.age(since)}"
    return [
        f"kept: {words.count(kept['count'], 'asset')}, {words.size(kept['bytes'])}",
        late,
        held,
        *(
            f"unfinished {name}: {words.number(each['count'])}, {words.number(each['pastLease'])} past the lease"
            for name, each in unfinished.items()
        ),
        f"wishes waiting: {words.number(found['wishes']['count'])}, {words.number(found['wishes']['overdue'])} overdue",
        f"people: {words.number(people['known'])}, {words.number(people['restricted'])} restricted",
        *(
            f"master key {name} wraps the keys of {words.count(each, 'person', 'people')}"
            for name, each in keys.items()
        ),
    ]
