"""``facegate redact``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from facegate.commands.common import INPUT, in_request, json_option
from facegate.writing import check_targets, write_all

FORMATS: Final = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


@click.command()
@click.argument("source", metavar="IN", type=INPUT)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write.")
@click.option("--keep", default="largest", help="Face to leave: largest, none, an index or X,Y.", show_default=True)
@click.option("--style", type=click.Choice(["solid", "pixelate", "blur"]), default="solid", show_default=True)
@click.option("--shape", type=click.Choice(["ellipse", "box"]), default="ellipse", show_default=True)
@click.option("--margin", type=float, default=0.25, show_default=True, help="Growth of each box, share of its side.")
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG and WebP.")
@click.option("--receipt", type=click.Path(dir_okay=False, path_type=Path), help="Write the receipt here.")
@json_option
def redact(source: Path, output: Path, keep: str, as_json: bool, receipt: Path | None, **options: Any) -> None:
    """Cover the faces in a picture, all but one."""
    picture_format = FORMATS.get(output.suffix.lower())
    if picture_format is None:
        raise click.BadParameter(f"the output must end in {', '.join(FORMATS)}.", param_hint="--output")
    targets = [output] if receipt is None else [output, receipt]
    check_targets(targets)
    quality = options.pop("quality")
    subject = _subject(keep)

    def work(request: Any) -> dict[str, Any]:
        upload = request.admit(source)
        faces = request.analyze(upload, subject="none")
        # Chosen by its box: to leave a face as it is, nothing else of it need be known.
        kept = _kept(faces, subject)
        safe = request.redact(upload, keep=kept, **options)
        encoded = request.finish(safe, format=picture_format, quality=quality)
        return {"faces": len(faces), "kept": int(kept is not None), "data": encoded.data}

    result, signed = in_request(work)
    write_all(dict(zip(targets, (result.pop("data"), signed.to_json().encode()), strict=False)))
    result |= {"redacted": result["faces"] - result["kept"], "output": str(output)}
    if as_json:
        click.echo(json.dumps(result))
    else:
        faces = "1 face" if result["faces"] == 1 else f"{result['faces']} faces"
        click.echo(f"{faces}: {result['kept']} kept, {result['redacted']} covered; wrote {output}")
        click.echo(str(signed))


def _subject(keep: str) -> str | int | tuple[float, float]:
    if keep in {"largest", "none"}:
        return keep
    try:
        if "," in keep:
            x, y = keep.split(",")
            return float(x), float(y)
        return int(keep)
    except ValueError:
        raise click.BadParameter("must be largest, none, an index or X,Y.", param_hint="--keep") from None


def _kept(faces: Any, keep: str | int | tuple[float, float]) -> Any:
    if keep == "none" or (keep == "largest" and not len(faces)):
        return None
    if isinstance(keep, tuple):
        with faces.expose("boxes") as boxes:
            inside = [
                index for index, (x0, y0, x1, y1) in enumerate(boxes) if x0 <= keep[0] < x1 and y0 <= keep[1] < y1
            ]
        if not inside:
            raise click.BadParameter("there is no face at that point.", param_hint="--keep")
        return faces[inside[-1]]  # where boxes overlap, the smaller one lies in front more often than not
    index = 0 if keep == "largest" else int(keep)
    if not 0 <= index < len(faces):
        raise click.BadParameter("there is no face with that index.", param_hint="--keep")
    return faces[index]
