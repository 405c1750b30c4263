"""``facegate retention log``."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facegate.commands.common import INPUT
from facegate.commands.retention.place import Place
from facegate.errors import RetentionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facegate.receipt.act import Act


@click.command()
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="The last N alone; all are verified.")
@click.option("--key", type=INPUT, help="PEM of the public key that the ledger began with; by default --ledger-key's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each.")
@click.pass_obj
def log(place: Place, last: int | None, key: Path | None, as_json: bool) -> None:
    """Print what was done, from the ledger, verified, the newest last; exit 1 if somebody changed it.

    What comes before a complaint is as it was written.
    """
    from facegate.receipt.ledger import acts

    if not place.ledger_file.exists():
        raise RetentionError(f"There is no ledger {place.ledger_file}.")
    trusted = place.signer().public_key_pem() if key is None else key.read_bytes()
    with contextlib.closing(acts(place.ledger_file, trusted_key=trusted)) as found:
        some: Iterable[tuple[int, Act]] = found if last is None else deque(found, last)
        for number, act in some:
            click.echo(json.dumps({"entry": number, **act.to_dict()}) if as_json else _line(act))


def _line(act: Act) -> str:
    said = act.to_dict()
    count = f"{act.count:,} {'asset' if act.count == 1 else 'assets'}, {act.bytes:,} bytes"
    left = f", {act.kept:,} left" if act.kept else ""
    named = "".join(f"  {name} {said[name]}" for name in ("asset", "request", "demand") if said[name])
    return f"{said['at']}  {act.act:<12}  {act.who}  {act.why}  {count}{left}{named}"
