"""``facegate doctor``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.commands.common import INPUT, json_option
from facegate.protections import TABLE, Level

if TYPE_CHECKING:
    from facegate.audit.doctor import Diagnosis

_STYLES = {"achieved": "green", "good": "green", "unavailable": "red", "waived": "yellow", "attention": "yellow"}
_HEADINGS = {"process": "needed for process", "sealed": "needed for sealed", None: "welcome, needed for no level"}


@click.command()
@click.option(
    "--level", type=click.Choice(get_args(Level)), default="process", show_default=True, help="What it takes."
)
@click.option("--landmarker", type=INPUT, help="With the engine mediapipe and this face_landmarker.task.")
@click.option("--detector", help="With a detector of an installed package, by name.")
@json_option
def doctor(level: Level, landmarker: Path | None, detector: str | None, as_json: bool) -> None:
    """Say what this host protects, and what would provide the rest; exit 1 if the level is not reached."""
    from facegate.audit.doctor import examine
    from facegate.policy import Policy

    if landmarker is None:
        diagnosis = examine(Policy(level=level, detector=detector))
    else:
        diagnosis = examine(Policy(level=level, engine="mediapipe", landmarker=landmarker, detector=detector))
    if as_json:
        click.echo(json.dumps(diagnosis.as_dict(), indent=2))
    else:
        _show(diagnosis)
    sys.exit(0 if diagnosis.reached else 1)


def _show(found: Diagnosis) -> None:
    from facegate.audit.doctor import remedy_for

    lines = Table.grid(padding=(0, 2))
    lines.add_column()
    lines.add_column()
    lines.add_column(overflow="fold")
    for needed_for, heading in _HEADINGS.items():
        lines.add_row("", "", Text(heading, "bold"))
        for each in found.protections:
            if TABLE[each.name].needed_for == needed_for:
                text = Text(TABLE[each.name].what).append(f"\n{each.detail}", "dim")
                _remedy(text, remedy_for(each))
                lines.add_row(Text(each.state, _STYLES[each.state]), each.name, text)
    lines.add_row("", "", Text("the host around it", "bold"))
    for setting in found.host:
        text = Text(setting.detail)
        _remedy(text, setting.remedy)
        lines.add_row(Text(setting.verdict, _STYLES.get(setting.verdict, "")), setting.name, text)
    lines.add_row("", "", Text("what analyzes", "bold"))
    for name, digest in found.models.items():
        lines.add_row("", "", Text(name).append(f"\nsha256 {digest}", "dim"))
    Console().print(lines)
    if found.obstacle is not None:
        click.echo(f"no child could be started: {found.obstacle}")
    verdict = "reached" if found.reached else "not reached"
    click.echo(f"level: {found.level}; the least that was asked for, {found.wanted}, is {verdict}")


def _remedy(text: Text, remedy: str) -> None:
    if remedy:
        text.append(f"\n-> {remedy}", "cyan")
