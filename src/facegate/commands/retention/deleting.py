"""``facegate retention delete | sweep``."""

from __future__ import annotations

from pathlib import Path

import click

from facegate import words
from facegate.commands.common import json_option
from facegate.commands.retention.place import Place
from facegate.commands.retention.showing import receipt_option, show_json, why_option, write_receipt


@click.command()
@click.option("--asset", metavar="ID")
@click.option("--request", metavar="ID", help="All that is kept of a request.")
@click.option("--person", metavar="NAME", help="All that is kept of a person, whatever the policy says.")
@why_option
@receipt_option
@json_option
@click.pass_obj
def delete(
    place: Place,
    asset: str | None,
    request: str | None,
    person: str | None,
    why: str,
    receipt: Path | None,
    as_json: bool,
) -> None:
    """Delete: the keys first, then the rest. Exit 1 if a legal hold keeps some of it.

    A person's own wish is `forget`, which leaves what the policy keeps whatever the person wishes.
    """
    if sum(each is not None for each in (asset, request, person)) != 1:
        raise click.UsageError("Delete one of: --asset ID, --request ID, --person NAME.")
    who = place.actor
    with place.opened() as store:
        if asset is not None:
            done = store.delete(asset, who=who, why=why)
        elif request is not None:
            done = store.delete_request(request, who=who, why=why)
        else:
            done = store.delete_person(str(person), who=who, why=why)
    write_receipt(receipt, done.receipt)
    if as_json:
        show_json(done.as_dict())
    else:
        held = f"; a legal hold keeps {words.count(done.held, 'asset')}" if done.held else ""
        click.echo(f"deleted: {words.count(done.count, 'asset')}, {words.size(done.bytes)}{held}")
    click.get_current_context().exit(1 if done.held else 0)


@click.command()
@json_option
@click.pass_obj
def sweep(place: Place, as_json: bool) -> None:
    """Delete what is due, and finish what was not finished; run it every few minutes, on any number of machines."""
    with place.opened() as store:
        done = store.sweep(who=place.actor)
    if as_json:
        show_json(done.as_dict())
        return
    click.echo(
        f"expired: {words.count(done.expired, 'asset')}; puts given up: {done.unfinished}; deletions resumed: "
        f"{done.resumed}; wishes answered: {done.answered}; {words.size(done.bytes)} freed"
    )
