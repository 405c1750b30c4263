"""``facegate retention wish | wishes``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.commands.retention.place import Place
from facegate.commands.retention.showing import show_json

if TYPE_CHECKING:
    from facegate.retention.demands import Wish

# As `facegate.retention.demands.WISHES`, which takes the extra.
WISHES: Final = ("access", "correct", "export", "restrict", "object", "withdraw", "delete")


@click.command()
@click.argument("wish", type=click.Choice(WISHES))
@click.argument("person")
@click.option(
    "--received",
    type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")),
    help="When it came, in UTC; now by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the number.")
@click.pass_obj
def wish(place: Place, wish: str, person: str, received: datetime | None, as_json: bool) -> None:
    """Write down what a person asks for, to be answered later, and print its number."""
    at = None if received is None else received.replace(tzinfo=UTC)
    with place.opened() as store:
        demand = store.rights.receive(cast("Wish", wish), person, received_at=at)
    if as_json:
        show_json(demand.as_dict())
        return
    click.echo(demand.demand)
    click.echo(f"to be answered by {demand.due:%Y-%m-%d %H:%M} UTC", err=True)


@click.command()
@click.option("--person", metavar="NAME", help="Of one person.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each, instead of a table.")
@click.pass_obj
def wishes(place: Place, person: str | None, as_json: bool) -> None:
    """List what people asked for and was not answered, the most urgent first; exit 1 if something is overdue."""
    with place.opened() as store:
        found = store.rights.waiting(person=person)
    if as_json:
        for each in found:
            click.echo(json.dumps({**each.as_dict(), "person": each.person}))
    else:
        table = Table()
        for name in ("number", "wish", "person", "received", "due"):
            table.add_column(name, no_wrap=name == "number", overflow="fold")
        for each in found:
            due = Text(f"{each.due:%Y-%m-%d %H:%M}{', overdue' if each.overdue else ''}", "red" if each.overdue else "")
            received = f"{each.received:%Y-%m-%d %H:%M}"
            table.add_row(*map(Text, (each.demand, each.wish, each.person, received)), due)
        Console(width=max(Console().width, 110)).print(table)
    click.get_current_context().exit(1 if any(each.overdue for each in found) else 0)
