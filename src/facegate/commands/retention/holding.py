"""``facegate retention hold | release | holds``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate import words
from facegate.commands.retention.place import Place
from facegate.commands.retention.showing import show_json, why_option

if TYPE_CHECKING:
    from facegate.retention.holding import Target


@click.command()
@click.argument("target", type=click.Choice(("asset", "request", "person")))
@click.argument("value")
@why_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the ID.")
@click.pass_obj
def hold(place: Place, target: str, value: str, why: str, as_json: bool) -> None:
    """Place a legal hold, and print its ID: until it is released, nothing and nobody deletes what it keeps."""
    with place.opened() as store:
        placed = store.hold(cast("Target", target), value, who=place.actor, why=why)
    if as_json:
        show_json(placed.as_dict())
        return
    click.echo(placed.hold)
    click.echo(f"held: {words.count(placed.assets, 'asset')}", err=True)


@click.command()
@click.argument("hold_id", metavar="HOLD")
@why_option
@click.pass_obj
def release(place: Place, hold_id: str, why: str) -> None:
    """Release a legal hold; the next sweep deletes what is due of what it kept."""
    with place.opened() as store:
        count = store.release(hold_id, who=place.actor, why=why)
    click.echo(f"released: {words.count(count, 'asset')}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each, instead of a table.")
@click.pass_obj
def holds(place: Place, as_json: bool) -> None:
    """List the legal holds that are in force, the oldest first."""
    with place.opened() as store:
        found = store.holds()
    if as_json:
        for each in found:
            click.echo(json.dumps(each.as_dict()))
        return
    table = Table()
    table.add_column("hold", no_wrap=True)
    for name in ("on", "why", "placed by", "placed", "assets"):
        table.add_column(name, overflow="fold")
    for each in found:
        placed = words.when(each.as_dict()["placed"])
        table.add_row(*map(Text, (each.hold, each.target, each.why, each.placed_by, placed, words.number(each.assets))))
    Console(width=max(Console().width, 120)).print(table)
