"""``facegate redact``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import click

from facegate.commands.batch.kinds import (
    CODECS,
    HEAD,
    PICTURE_FORMATS,
    PRESETS,
    PROFILES,
    SUFFIXES,
    VIDEO_FORMATS,
    Kind,
    kind_of,
    output_kind,
)
from facegate.commands.batch.settings import Settings
from facegate.commands.choice import choose, wish
from facegate.commands.common import INPUT, in_request, json_option
from facegate.commands.redact_many import redact_many
from facegate.commands.redact_video import redact_video
from facegate.writing import check_targets, write_all

FORMATS: Final = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_ANY: Final = click.Path(exists=True, readable=True, path_type=Path)
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_MARGIN: Final = 0.25
_MOST_THREADS: Final = 64
# Options that mean something only where there are many results, by the name that the function gets them under.
_FOR_MANY: Final = {
    "formats": "--format",
    "jobs": "--jobs",
    "resume": "--resume",
    "receipts": "--receipts",
    "ledger": "--ledger",
    "key": "--key",
    "quiet": "--quiet",
}
_FOR_VIDEOS: Final = {"profile": "--profile", "codec": "--codec", "preset": "--preset", "at": "--at"}


@click.command()
@click.argument("sources", metavar="IN...", nargs=-1, required=True, type=_ANY)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Where to write: a file; for many, a folder."
)
@click.option(
    "--keep", help="Face to leave: largest, none, an index or X,Y.  [default: largest for one file, none for many]"
)
@click.option("--at", type=click.FloatRange(min=0), help="One video: second whose frame --keep looks at; 0 by default.")
@click.option("--style", type=click.Choice(["solid", "pixelate", "blur"]), default="solid", show_default=True)
@click.option("--shape", type=click.Choice(["ellipse", "box"]), default="ellipse", show_default=True)
@click.option(
    "--margin",
    type=float,
    help="Growth of each box, share of its side.  [default: 0.25 in pictures, what --profile says in videos]",
)
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG, WebP and videos; more is better.")
@click.option("--profile", type=click.Choice(PROFILES), help="How closely videos are searched.  [default: balanced]")
@click.option("--codec", type=click.Choice(CODECS), help="Of videos; each one's own by default.")
@click.option("--preset", type=click.Choice(PRESETS), help="Of videos: speed against size.  [default: medium]")
@click.option("--receipt", type=_FILE, help="Write the receipt of one file here.")
@click.option("--receipts", type=_FOLDER, help="Many: folder for the receipts; beside the outputs by default.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice([*PICTURE_FORMATS, *VIDEO_FORMATS]),
    help="Many: format of all pictures, or of all videos; each one's own by default. May be given once for each.",
)
@click.option("--jobs", type=click.IntRange(1, _MOST_THREADS), help="Many: pictures at a time; by default one a core.")
@click.option("--resume", is_flag=True, help="Many: leave out what an earlier run did and nobody changed since.")
@click.option("--ledger", type=_FILE, help="Many: append all receipts to this ledger; needs --key.")
@click.option("--key", type=INPUT, help="Many: PEM of the Ed25519 key that signs; by default one made for this run.")
@click.option("--quiet", is_flag=True, help="Many: say nothing but what failed.")
@json_option
def redact(sources: tuple[Path, ...], output: Path, as_json: bool, receipt: Path | None, **options: Any) -> None:
    """Cover the faces in a picture or video, all but one; or in all that folders and several files hold."""
    if len(sources) == 1 and not sources[0].is_dir() and not output.is_dir():
        _one(sources[0], output, receipt, as_json, **options)
        return
    for value, option in ((receipt, "--receipt"), (options["at"], "--at")):
        if value is not None:
            raise click.UsageError(f"{option} is for one file; here the output is a folder.")
    redact_many(
        sources,
        output,
        _settings(options),
        receipts=options["receipts"],
        threads=options["jobs"] or min(len(os.sched_getaffinity(0)), _MOST_THREADS),
        resume=options["resume"],
        ledger=options["ledger"],
        key=options["key"],
        as_json=as_json,
        quiet=options["quiet"],
    )


def _settings(options: dict[str, Any]) -> Settings:
    keep = options["keep"] or "none"
    if keep not in {"none", "largest"}:
        raise click.BadParameter("for many files it is none or largest.", param_hint="--keep")
    if options["margin"] is not None and not 0 <= options["margin"] <= 2:
        raise click.BadParameter("margin must be a number from 0 to 2.", param_hint="--margin")
    pictures = [name for name in options["formats"] if name in PICTURE_FORMATS]
    videos = [name for name in options["formats"] if name in VIDEO_FORMATS]
    if len(pictures) > 1 or len(videos) > 1:
        raise click.BadParameter("one format for pictures and one for videos at most.", param_hint="--format")
    return Settings(
        keep="largest" if keep == "largest" else "none",
        style=options["style"],
        shape=options["shape"],
        margin=options["margin"],
        picture_format=pictures[0] if pictures else None,
        video_format=videos[0] if videos else None,
        quality=options["quality"],
        profile=options["profile"] or "balanced",
        codec=options["codec"],
        preset=options["preset"],
    )


def _one(source: Path, output: Path, receipt: Path | None, as_json: bool, **options: Any) -> None:
    for name, option in _FOR_MANY.items():
        if options.pop(name):
            raise click.UsageError(f"{option} is for a folder or several files; the output must then be a folder.")
    kind = output_kind(output.name)
    if kind is not None and (kind.media == "video" or _moves(source, kind)):
        _one_video(source, output, receipt, kind, as_json, **options)
        return
    for name, option in _FOR_VIDEOS.items():
        if options.pop(name) is not None:
            raise click.UsageError(f"{option} is for a video.")
    _one_picture(source, output, receipt, as_json, **options)


def _moves(source: Path, kind: Kind) -> bool:
    """Whether it is an animation that goes into a WebP, which is the one format that both media have."""
    with source.open("rb") as file:
        found = kind_of(file.read(HEAD), source.name)
    return kind.format == "webp" and found is not None and found.media == "video"


def _one_video(
    source: Path, output: Path, receipt: Path | None, kind: Kind, as_json: bool, *, keep: str | None, **options: Any
) -> None:
    subject = wish(keep or "largest")
    redact_video(
        source,
        output,
        receipt,
        kind,
        None if subject == "none" else lambda faces: choose(faces, subject),
        at=options["at"] or 0.0,
        as_json=as_json,
        redaction={name: options[name] for name in ("style", "shape", "margin", "profile")},
        encoding={name: options[name] for name in ("codec", "preset", "quality")},
    )


def _one_picture(
    source: Path,
    output: Path,
    receipt: Path | None,
    as_json: bool,
    *,
    keep: str | None,
    quality: int | None,
    margin: float | None,
    **options: Any,
) -> None:
    picture_format = FORMATS.get(output.suffix.lower())
    if picture_format is None:
        names = ", ".join([*FORMATS, *(suffix for name in VIDEO_FORMATS for suffix in SUFFIXES[name])])
        raise click.BadParameter(f"the output must end in one of {names}.", param_hint="--output")
    targets = [output] if receipt is None else [output, receipt]
    check_targets(targets)
    subject = wish(keep or "largest")

    def work(request: Any) -> dict[str, Any]:
        upload = request.admit(source, media="image")
        faces = request.analyze(upload, subject="none")
        # Chosen by its box: to leave a face as it is, nothing else of it need be known.
        kept = choose(faces, subject)
        safe = request.redact(upload, keep=kept, margin=_MARGIN if margin is None else margin, **options)
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
