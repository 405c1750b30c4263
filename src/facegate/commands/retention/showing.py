"""What several of the commands print and write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate import words
from facegate.writing import check_targets, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facegate.receipt.act_receipt import ActReceipt
    from facegate.retention import Kept

why_option: Final = click.option("--why", required=True, metavar="WORD", help="The reason: a word, as case-17.")
_receipt: Final = click.option(
    "--receipt",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _, __, value: _checked(value),
    help="Write a signed receipt of it, which facegate verify checks.",
)


def receipt_option(command: Any) -> Any:
    """The option ``--receipt``, refused before anything is done where nothing could be written there."""
    return _receipt(command)


def write_receipt(file: Path | None, receipt: ActReceipt) -> None:
    """Write it, if it is asked for."""
    if file is not None:
        write_all({file: receipt.text.encode()})


def show_json(said: dict[str, Any]) -> None:
    """Print it."""
    click.echo(json.dumps(said, indent=2))


def show_kept(kept: Iterable[Kept], *, as_json: bool) -> None:
    """One line for each as JSON, or a table."""
    if as_json:
        for each in kept:
            click.echo(json.dumps(each.as_dict()))
        return
    table = Table()
    table.add_column("asset", no_wrap=True)
    for name in ("class", "kind", "type", "content", "put", "due", "label"):
        table.add_column(name, overflow="fold", justify="right" if name == "content" else "left")
    for each in kept:
        said = each.as_dict()
        due = f"{words.when(said['due'])}{', held' if each.held else ''}"
        row = (each.asset, each.kept_as, each.kind, each.media_type, words.size(each.bytes))
        # As Text: a label is the person's, and markup in it would be obeyed.
        table.add_row(*map(Text, (*row, words.when(said["created"]), due, each.label or "")))
    # IDs are to be copied: in a narrow terminal or a pipe the rows are longer rather than the IDs cut off.
    Console(width=max(Console().width, 120)).print(table)


def _checked(file: Path | None) -> Path | None:
    if file is not None:
        check_targets([file])
    return file
