"""``facegate inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.commands.common import INPUT, in_request, json_option


@click.command()
@click.argument("source", metavar="IN", type=INPUT)
@json_option
def inspect(source: Path, as_json: bool) -> None:
    """Count the faces in a picture: boxes, sizes, confidence; no landmarks are computed."""

    def work(request: Any) -> dict[str, Any]:
        upload = request.admit(source)
        faces = request.analyze(upload, subject="none")
        with faces.expose("boxes") as boxes, faces.expose("confidence") as confidence:
            found = [
                {"xyxy": [round(float(value), 1) for value in box], "confidence": round(float(sure), 3)}
                for box, sure in zip(boxes, confidence, strict=True)
            ]
        return {"format": upload.format, "width": upload.size_wh[0], "height": upload.size_wh[1], "faces": found}

    result, signed = in_request(work)
    if as_json:
        click.echo(json.dumps(result))
        return
    title = f"{source.name}: {result['format']}, {result['width']} x {result['height']} pixels"
    table = Table("face", title=Text(title))  # a name may hold brackets, which are markup in plain strings
    for heading in ("x", "y", "width", "height", "confidence"):
        table.add_column(heading, justify="right")
    for index, face in enumerate(result["faces"]):
        x0, y0, x1, y1 = face["xyxy"]
        row = (f"{x0:.0f}", f"{y0:.0f}", f"{x1 - x0:.0f}", f"{y1 - y0:.0f}", f"{face['confidence']:.2f}")
        table.add_row(str(index), *row)
    Console().print(table)
    click.echo(str(signed))
