"""``facegate audit``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from facegate.commands.common import INPUT, json_option

if TYPE_CHECKING:
    from facegate.audit.promises import Judged
    from facegate.audit.report import Audit

_REPORT, _PAGE = "facegate-audit.json", "facegate-audit.html"
_STYLES = {"verified": "green", "failed": "red", "not verified": "yellow"}


@click.command()
@click.option("--profile", type=click.Choice(("short", "full")), default="short", show_default=True)
@click.option("--seed", type=int, help="Repeat a run: the seed that its report names.")
@click.option(
    "--out",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    default=Path(),
    help="Folder for the report, JSON and HTML; the current one by default.",
)
@click.option("--key", type=INPUT, help="PEM of the Ed25519 key that signs; by default one made for this run.")
@click.option(
    "--exercise",
    metavar="MODULE:FUNCTION",
    help="Watch this function instead, called once with a portrait, JPEG bytes: your own integration.",
)
@click.option("--allow-file", multiple=True, metavar="PATTERN", help="With --exercise: files that it may write.")
@click.option("--allow-kept", multiple=True, metavar="PATTERN", help="With --exercise: arrays that it may keep.")
@click.option("--allow-channel", multiple=True, metavar="PATTERN", help="With --exercise: channels that it may use.")
@json_option
def audit(
    profile: str,
    seed: int | None,
    out: Path,
    key: Path | None,
    exercise: str | None,
    allow_file: tuple[str, ...],
    allow_kept: tuple[str, ...],
    allow_channel: tuple[str, ...],
    as_json: bool,
) -> None:
    """Try, on this host, to catch facegate breaking a promise; exit 1 if one fails or an instrument is blind."""
    if exercise is not None:
        from facegate.commands.audit_exercise import audit_exercise

        passed = audit_exercise(exercise, seed, out, key, allow_file, allow_kept, allow_channel, as_json=as_json)
        sys.exit(0 if passed else 1)
    if allow_file or allow_kept or allow_channel:
        raise click.UsageError("What is allowed concerns --exercise, which names the function to watch.")
    from facegate.audit.page import render
    from facegate.audit.report import audit as run
    from facegate.audit.signature import sign
    from facegate.receipt.envelope import Signer
    from facegate.writing import check_targets, write_all

    signer = Signer.generate() if key is None else Signer.from_pem(key.read_bytes())
    check_targets([out / _REPORT, out / _PAGE])
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, most: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=most)
            progress.update(tasks[stage], completed=done)

        found = run(profile, seed=seed, progress=tell)  # type: ignore[arg-type]
    report = found.as_dict()
    page = render(report, signer.key_id)
    signed = json.dumps(sign(report, page, signer), indent=1)
    write_all({out / _REPORT: signed.encode() + b"\n", out / _PAGE: page.encode()})
    if as_json:
        click.echo(signed)
    else:
        _show(found, out)
    sys.exit(0 if found.passed else 1)


def show_promises(promises: Sequence[Judged], title: str) -> None:
    """The table of promises, to standard output."""
    table = Table(title=title)
    for column in ("promise", "verdict", "seen"):
        table.add_column(column, overflow="fold")
    for each in promises:
        seen = "\n".join(evidence.seen for evidence in each.evidence)
        table.add_row(each.promise.sentence, Text(each.verdict, _STYLES[each.verdict]), seen)
    Console().print(table)


def _show(found: Audit, out: Path) -> None:
    show_promises(found.promises, f"{found.number}, {found.profile} profile, {found.seconds:.0f} s")
    if found.silent:
        click.echo(f"controls that were not seen: {', '.join(found.silent)}")
    words = "every promise was verified by these checks" if found.passed else "not every promise was verified"
    click.echo(f"{words}; the report is in {out / _PAGE} and {out / _REPORT}")
