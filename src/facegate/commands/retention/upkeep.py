"""``facegate retention rotate-key | check | report``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from facegate import words
from facegate.commands.common import json_option
from facegate.commands.retention.place import Place, need_extra
from facegate.commands.retention.showing import show_json


@click.command("rotate-key")
@click.option("--no-new-key", is_flag=True, help="Make none: wrap with the first key that is there.")
@click.pass_obj
def rotate_key(place: Place, no_new_key: bool) -> None:
    """Put a new master key before those in the file, and wrap people's keys with it; no content is touched.

    Who has the store open has the keys that were there: open it again in every worker, or what is new cannot be read
    there. Without a moment of that: add the new key at the end of the file everywhere, open the stores again, put it
    first, and rotate with --no-new-key.
    """
    need_extra()
    from facegate.retention import FileKeys

    file = place.master_keys_file
    if file is None and not no_new_key:
        raise click.UsageError(
            "The keys are in the environment: put the new one first there, and rotate with --no-new-key."
        )
    with place.opened():
        pass  # whatever is wrong is said before there is a new key
    if file is not None and not no_new_key:
        FileKeys.add(file)
    with place.opened() as store:
        count = store.rotate(who=place.actor)
    click.echo(
        f"master key {place.keys().current} wraps what is new; wrapped anew: {words.count(count, 'person', 'people')}"
    )
    click.echo("Copy the keys to where the other copy is. An old key may be removed once `report` does not name it.")


@click.command()
@click.option("--repair", is_flag=True, help="Delete blobs of nothing, and note what is lost.")
@json_option
@click.pass_obj
def check(place: Place, repair: bool, as_json: bool) -> None:
    """Compare the database with the blobs, all of both; exit 1 if something is found and not repaired."""
    with place.opened() as store:
        found = store.check(who=place.actor, repair=repair)
    if as_json:
        show_json(found.as_dict())
    else:
        what = f"{words.count(found.orphans, 'blob')} of nothing, {words.count(found.lost, 'asset')} lost"
        mended = "; repaired" if repair and found.orphans + found.lost else ""
        click.echo(f"looked at: {words.count(found.assets, 'asset')}; {what}{mended}")
    click.get_current_context().exit(1 if found.orphans + found.lost and not repair else 0)


@click.command()
@json_option
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page, which loads nothing.")
@click.pass_obj
def report(place: Place, as_json: bool, html: Path | None) -> None:
    """Say how much is kept, how old it is, what is overdue, held, deleted and asked for; nothing personal is in it."""
    need_extra()
    from facegate.retention import report as to
    from facegate.writing import check_targets, write_all

    if html is not None:
        check_targets([html])
    with place.opened() as store:
        figures = store.figures()
    if html is not None:
        write_all({html: to.to_html(figures).encode()})
    if as_json:
        click.echo(to.to_json(figures), nl=False)
    elif html is None:
        to.show(figures, Console(width=max(Console().width, 110)))
    else:
        click.echo(f"the report is in {html}")
