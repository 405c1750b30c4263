"""``facegate retention put | list | get``."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from facegate import words
from facegate.commands.common import INPUT, json_option
from facegate.commands.retention.place import Place
from facegate.commands.retention.showing import show_json, show_kept
from facegate.errors import FacegateError, NotForKeepingError, OutputError
from facegate.rules.keeping import KINDS
from facegate.writing import check_targets

if TYPE_CHECKING:
    from facegate.retention.reading import Content

SUFFIXES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
}
# A log is a few plain values; see `facegate.retention.media_types`.
_MOST_LOG: Final = 1 << 20


@click.command()
@click.argument("file", type=INPUT)
@click.option("--person", required=True, metavar="NAME", help="Pseudonym of the person whose it is.")
@click.option("--request", required=True, metavar="ID", help="Of the request that it is of.")
@click.option("--class", "kept_as", required=True, metavar="CLASS", help="Class of the policy: for how long.")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="A log is a file of JSON: names and values.")
@click.option("--purpose", required=True, metavar="PURPOSE", help="What it is kept for.")
@click.option("--media-type", metavar="TYPE", help="As image/png; by default what the file's suffix says.")
@click.option("--label", metavar="TEXT", help="What the person calls it.")
@click.option("--consent", is_flag=True, help="The person consented to the purpose, as your record says.")
@json_option
@click.pass_obj
def put(
    place: Place,
    file: Path,
    person: str,
    request: str,
    kept_as: str,
    kind: str,
    purpose: str,
    media_type: str | None,
    label: str | None,
    consent: bool,
    as_json: bool,
) -> None:
    """Keep a file, and print its ID."""
    if kind != "log" and media_type is None and (media_type := SUFFIXES.get(file.suffix.lower())) is None:
        raise click.UsageError(f"What {file.name} is, its name does not say: --media-type does.")
    content: Any = _log(file) if kind == "log" else file
    from facegate.rules.consent import Consent

    with place.opened() as store:
        kept = store.put(
            content,
            person=person,
            request=request,
            kept_as=kept_as,
            kind=kind,
            purpose=purpose,
            media_type=media_type,
            label=label,
            consent=Consent(purpose) if consent else None,
            who=place.actor,
        )
    if as_json:
        show_json(kept.as_dict())
        return
    due = words.when(kept.as_dict()["due"])
    click.echo(kept.asset)
    click.echo(f"kept as {kept.kept_as} until {due}, {words.size(kept.bytes)}", err=True)


@click.command("list")
@click.option("--person", metavar="NAME")
@click.option("--request", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each, instead of a table.")
@click.pass_obj
def list_(place: Place, person: str | None, request: str | None, as_json: bool) -> None:
    """List what is kept of a person or of a request, in the order in which it was put."""
    if (person is None) == (request is None):
        raise click.UsageError("List what is kept of a person or of a request: --person NAME or --request ID.")
    with place.opened() as store:
        show_kept(store.kept(person=person, request=request), as_json=as_json)


@click.command()
@click.argument("asset")
@click.option("--purpose", required=True, metavar="PURPOSE", help="What it is read for; written down.")
@click.option("--out", required=True, metavar="FILE|-", help="Where to write it; - for standard output.")
@click.pass_obj
def get(place: Place, asset: str, purpose: str, out: str) -> None:
    """Read something that is kept, decrypted, for a purpose."""
    if out == "-":
        with place.opened() as store:
            for piece in store.get(asset, purpose=purpose, who=place.actor):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        return
    file = Path(out)
    check_targets([file])
    with place.opened() as store:
        _write(file, store.get(asset, purpose=purpose, who=place.actor))


def _write(file: Path, content: Content) -> None:
    """All of it or nothing, for its owner alone; a piece at a time, since it may be a video."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".facegate-")
    try:
        with os.fdopen(descriptor, "wb") as beside:
            for piece in content:
                beside.write(piece)
        Path(name).replace(file)
    except FacegateError:
        raise  # the store's, some of which are OSErrors, too
    except OSError as error:
        raise OutputError(f"{file} could not be written: {error.strerror or type(error).__name__}.") from None
    finally:
        Path(name).unlink(missing_ok=True)  # it has another name if all went well


def _log(file: Path) -> Any:
    """The values of a log."""
    with file.open("rb") as opened:
        data = opened.read(_MOST_LOG + 1)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NotForKeepingError(f"{file.name} is no JSON, so it is no log.") from None
