"""``facegate demo``."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from facegate.commands.common import json_option
from facegate.writing import check_targets, write_all


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", help="Folder for the results.")
@json_option
def demo(out: Path, as_json: bool) -> None:
    """Keep the subject of a picture of two people, cover the other, and show what happened."""
    from facegate.demo import FILES, run

    if not out.is_dir():
        raise click.BadParameter(f"the folder {out} does not exist.", param_hint="--out")
    check_targets([out / name for name in FILES])
    story = run()
    files = {out / name: data for name, data in story.files.items()}
    write_all(files)
    if as_json:
        click.echo(json.dumps({"files": [str(path) for path in files], "stages": story.as_dicts()}, indent=2))
        return
    table = Table("stage", "what happened", title="One request, from upload to receipt")
    table.add_column("ms", justify="right")
    for stage in story.stages:
        table.add_row(stage.name, stage.what, f"{stage.milliseconds:.1f}")
    Console().print(table)
    for path in files:
        click.echo(f"wrote {path}")
