"""``facegate retention access | correct | setting | export | restrict | unrestrict | object | withdraw | forget``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from facegate import words
from facegate.commands.common import json_option
from facegate.commands.retention.place import Place
from facegate.commands.retention.showing import receipt_option, show_json, show_kept, write_receipt

if TYPE_CHECKING:
    from facegate.retention.answers import Answer, Erased

_purpose: Final = click.option("--purpose", required=True, metavar="PURPOSE")


def _right(command: Callable[..., None]) -> Callable[..., None]:
    """Whose right it is, and what all rights print and write."""
    wish = click.option("--wish", metavar="NUMBER", help="Number of a wish that was written down before.")
    for each in (click.pass_obj, json_option, receipt_option, wish, click.argument("person")):
        command = each(command)
    return command


@click.command()
@_right
def access(place: Place, person: str, wish: str | None, receipt: Path | None, as_json: bool) -> None:
    """Tell a person what is kept: all of it, without the content."""
    with place.opened() as store:
        found = store.rights.access(person, who=place.actor, demand=wish)
        write_receipt(receipt, found.receipt)
        if as_json:
            show_json(found.as_dict())
            return
        show_kept(found, as_json=False)
    said = found.summary()
    click.echo(f"kept: {words.count(found.count, 'asset')}, {words.size(found.bytes)}")
    click.echo(
        f"legal holds: {found.holds}; restricted: {words.when(said['restricted']) if said['restricted'] else 'no'}"
    )
    for name, wanted in found.settings.items():
        click.echo(f"wants {name} for: {_shown(wanted)}")
    for name in found.objections:
        click.echo(f"objects to: {name}")
    for each in found.wishes:
        click.echo(f"waits for: {each.wish}, until {each.due:%Y-%m-%d}")
    for name, keeping in found.classes.items():
        click.echo(f"{name} is kept for {_shown(keeping.duration)}: {keeping.says}")


@click.command()
@click.option("--asset", metavar="ID", help="One; without it, all that is kept of the person.")
@click.option("--label", metavar="TEXT", help="What it is called from now on.")
@click.option("--no-label", is_flag=True, help="It is called nothing from now on.")
@_right
def correct(
    place: Place,
    person: str,
    asset: str | None,
    label: str | None,
    no_label: bool,
    wish: str | None,
    receipt: Path | None,
    as_json: bool,
) -> None:
    """Change what something of a person's is called."""
    if (label is None) != no_label:
        raise click.UsageError("Say one of --label TEXT and --no-label.")
    with place.opened() as store:
        done = store.rights.correct(person, label=label, asset=asset, who=place.actor, demand=wish)
    _show(done, f"corrected: {words.count(done.count, 'asset')}", receipt, as_json)


@click.command()
@click.option("--class", "kept_as", required=True, metavar="CLASS")
@click.option("--for", "wanted", required=True, metavar="DURATION", help='As "7 days"; none: as the policy says.')
@_right
def setting(
    place: Place, person: str, kept_as: str, wanted: str, wish: str | None, receipt: Path | None, as_json: bool
) -> None:
    """Set how long a person wants a class to be kept, which counts where it is shorter than the policy's."""
    from facegate.rules.duration import parse

    duration = parse(wanted)
    if duration is None and wanted != "none":
        raise click.UsageError('--for takes a duration in minutes, hours, days or weeks, as "7 days", or none.')
    with place.opened() as store:
        done = store.rights.setting(person, kept_as, duration, who=place.actor, demand=wish)
    sentence = f"{done.kept_as} is kept for {_shown(done.effective)}"
    if done.policy_wins:
        sentence += ", as long as the policy keeps it"
    _show(done, f"{sentence}; sooner over now: {words.count(done.count, 'asset')}", receipt, as_json)


@click.command()
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A ZIP, for its owner alone."
)
@_right
def export(place: Place, person: str, out: Path, wish: str | None, receipt: Path | None, as_json: bool) -> None:
    """Hand out all that is kept of a person, decrypted, in one ZIP; exit 1 if some of it cannot be read."""
    with place.opened() as store:
        done = store.rights.export(person, out, who=place.actor, demand=wish)
    missing = f"; {words.count(done.missing, 'asset')} cannot be read, see its manifest" if done.missing else ""
    _show(
        done,
        f"exported: {words.count(done.count, 'asset')}, {words.size(done.bytes)}, to {out}{missing}",
        receipt,
        as_json,
    )
    click.get_current_context().exit(1 if done.missing else 0)


@click.command()
@_right
def restrict(place: Place, person: str, wish: str | None, receipt: Path | None, as_json: bool) -> None:
    """From now on nothing that is kept of a person is read, for any purpose."""
    with place.opened() as store:
        done = store.rights.restrict(person, who=place.actor, demand=wish)
    _show(done, f"restricted: {words.count(done.count, 'asset')}", receipt, as_json)


@click.command()
@click.argument("person")
@receipt_option
@json_option
@click.pass_obj
def unrestrict(place: Place, person: str, receipt: Path | None, as_json: bool) -> None:
    """What is kept of a person may be read again; tell the person before."""
    with place.opened() as store:
        done = store.rights.unrestrict(person, who=place.actor)
    _show(done, f"may be read again: {words.count(done.count, 'asset')}", receipt, as_json)


@click.command("object")
@_purpose
@_right
def object_(place: Place, person: str, purpose: str, wish: str | None, receipt: Path | None, as_json: bool) -> None:
    """From now on nothing of a person is read or put for a purpose."""
    with place.opened() as store:
        done = store.rights.object(person, purpose, who=place.actor, demand=wish)
    _show(done, f"not for {purpose} any more: {words.count(done.count, 'asset')}", receipt, as_json)


@click.command()
@click.option("--purpose", metavar="PURPOSE", help="Without it, all that the policy names.")
@_right
def withdraw(
    place: Place, person: str, purpose: str | None, wish: str | None, receipt: Path | None, as_json: bool
) -> None:
    """Withdraw a person's consent: nothing for that purpose any more, and what was put for it is deleted."""
    with place.opened() as store:
        done = store.rights.withdraw(person, purpose, who=place.actor, demand=wish)
    _erased(done, receipt, as_json)


@click.command("consent-again")
@_purpose
@click.argument("person")
@receipt_option
@json_option
@click.pass_obj
def consent_again(place: Place, person: str, purpose: str, receipt: Path | None, as_json: bool) -> None:
    """Take a person's objection or withdrawal back: the person consented again, as your record says."""
    from facegate.rules.consent import Consent

    with place.opened() as store:
        done = store.rights.consent_again(person, purpose, consent=Consent(purpose), who=place.actor)
    _show(done, f"for {purpose} again", receipt, as_json)


@click.command()
@_right
def forget(place: Place, person: str, wish: str | None, receipt: Path | None, as_json: bool) -> None:
    """Delete what is kept of a person who wishes that; exit 1 while a legal hold keeps some of it.

    What the policy keeps whatever the person wishes stays until its time is over.
    """
    with place.opened() as store:
        done = store.rights.delete(person, who=place.actor, demand=wish)
    _erased(done, receipt, as_json)


def _erased(done: Erased, receipt: Path | None, as_json: bool) -> None:
    sentence = f"deleted: {words.count(done.count, 'asset')}, {words.size(done.bytes)}"
    if done.kept:
        sentence += f"; the policy keeps {words.count(done.kept, 'asset')} until {done.until:%Y-%m-%d}"
    if done.held:
        sentence += f"; a legal hold keeps {words.count(done.held, 'asset')}"
    _show(done, sentence, receipt, as_json)
    click.get_current_context().exit(1 if done.held else 0)


def _show(done: Answer, sentence: str, receipt: Path | None, as_json: bool) -> None:
    write_receipt(receipt, done.receipt)
    if as_json:
        show_json(done.as_dict())
    else:
        click.echo(sentence)


def _shown(duration: timedelta | Any) -> str:
    from facegate.rules.duration import show

    return show(duration)
