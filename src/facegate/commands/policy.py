"""``facegate policy``: shows, checks and compares media policies."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.commands.common import json_option
from facegate.errors import PolicyFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facegate.rules import Rules

_SOURCE = "A TOML file, or default, explicit-consent or guardian, which facegate ships."


@click.group()
def policy() -> None:
    """Show, check or compare media policies: what uploads may be used for, whose, and from which age on.

    A policy is a TOML file, or default, explicit-consent or guardian, which facegate ships.
    """


@policy.command()
@click.argument("source", default="default")
@json_option
def show(source: str, as_json: bool) -> None:
    """Print what a policy says, and its digest, which is on every receipt."""
    from facegate.rules import duration, load

    rules = load(source)
    if as_json:
        click.echo(json.dumps(rules.as_dict() | {"sha256": rules.digest()}, indent=2))
        return
    table = Table("purpose", "facial geometry", "consent", "for", title=_title(rules), title_justify="left")
    for each in rules.purposes.values():
        table.add_row(each.name, "allowed" if each.geometry else "never", each.consent, Text(each.says))
    console = Console()
    console.print(table)
    console.print(f"Consent to facial geometry: {rules.biometric}.", highlight=False)
    console.print(_ages(rules), highlight=False, soft_wrap=True)
    if rules.retention:
        console.print(_kept(rules))
    else:
        console.print("Nothing is kept.", highlight=False)
    console.print(f"People are answered within {duration.show(rules.answer_within)}.", highlight=False)
    for line in _sharing(rules):
        console.print(Text(line), highlight=False, soft_wrap=True)
    console.print(f"sha256 {rules.digest()}", highlight=False, soft_wrap=True)


@policy.command()
@click.argument("source")
@json_option
def check(source: str, as_json: bool) -> None:
    """Say whether a file is a policy; exit 1, with the line, if it is none."""
    from facegate.rules import load

    try:
        rules = load(source)
    except PolicyFileError as error:
        if as_json:
            click.echo(json.dumps({"valid": False, "reason": error.reason}))
        else:
            click.echo(f"facegate: {error.reason}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps({"valid": True, "name": rules.name, "version": rules.version, "sha256": rules.digest()}))
    else:
        click.echo(f"{_title(rules)}: valid, sha256 {rules.digest()}")


@policy.command()
@click.argument("old")
@click.argument("new")
@json_option
def diff(old: str, new: str, as_json: bool) -> None:
    """Say what changes from one policy to another; exit 1 if anything does."""
    from facegate.rules import load
    from facegate.rules.diff import differences

    found = differences(load(old), load(new))
    if as_json:
        click.echo(json.dumps([each.as_dict() for each in found], indent=2))
    else:
        for each in found:
            click.echo(str(each))
    sys.exit(1 if found else 0)


def _title(rules: Rules) -> str:
    return f"{rules.name}, version {rules.version}, from {rules.effective.isoformat()}"


def _kept(rules: Rules) -> Table:
    from facegate.rules import duration

    table = Table("kept", "for", "what", "read for", "person decides")
    for each in rules.retention.values():
        decides = "yes" if each.person_decides else "no"
        kinds, purposes = ", ".join(each.kinds), ", ".join(each.purposes)
        table.add_row(each.name, duration.show(each.duration), kinds, purposes, decides)
    return table


def _ages(rules: Rules) -> str:
    ages = rules.ages
    local = "".join(f", {least} in {code}" for code, least in sorted(ages.regions.items()))
    unknown = "are accepted" if ages.unknown == "accept" else "are refused"
    guardian = "" if ages.guardian_below is None else f" Below {ages.guardian_below} a guardian must have consented."
    return f"Ages: from {ages.minimum}{local}; those that are not said {unknown}.{guardian}"


def _sharing(rules: Rules) -> Iterator[str]:
    """A line for each partner."""
    if not rules.sharing:
        yield "Shared with nobody."
    for each in rules.sharing.values():
        what, why, where = (", ".join(some) for some in (each.categories, each.purposes, each.regions))
        safe = f"; {each.safeguard}" if each.safeguard else ""
        form = f"bystanders {each.bystanders}, metadata {each.metadata}"
        yield f"Shared with {each.name}, in {where}{safe}: {what}, for {why}; {form}. {each.says}"
