"""``facegate demo | redact | inspect | verify``. Exit codes: 0 done, 1 the answer is no, 2 bad usage or bad input."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.errors import FacegateError, InvalidReceiptError
from facegate.writing import check_targets, write_all

FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_INPUT = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_AnyFunction = TypeVar("_AnyFunction", bound=Callable[..., Any])
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class _Group(click.Group):
    """Turns expected errors into one sentence and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except click.UsageError as error:
            _stop(error.format_message(), 2)
        except InvalidReceiptError as error:
            _stop(error.reason, 1)
        except FacegateError as error:
            _stop(error.reason, 2)
        except BrokenPipeError:
            raise  # whoever read the output has gone; click ends without a word
        except OSError as error:
            _stop(f"{error.filename or 'A file'}: {error.strerror or type(error).__name__}.", 2)
        except BaseExceptionGroup as group:
            # A request and its purge both failed. Other members are defects, which a traceback must show.
            mine, others = group.split(FacegateError)
            if others is not None or mine is None:
                raise
            _stop(" ".join(str(each) for each in mine.exceptions), 2)
        except KeyboardInterrupt:
            _stop("interrupted.", 130)  # click would say 1, which is the answer no


def _stop(sentence: str, code: int) -> NoReturn:
    click.echo(f"facegate: {sentence}", err=True)
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="facegate")
def main() -> None:
    """Facial-geometry analysis in memory only: one request, one child process, purged with the output."""


@main.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", help="Folder for the results.")
@_json_option
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


@main.command()
@click.argument("source", metavar="IN", type=_INPUT)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write.")
@click.option("--keep", default="largest", help="Face to leave: largest, none, an index or X,Y.", show_default=True)
@click.option("--style", type=click.Choice(["solid", "pixelate", "blur"]), default="solid", show_default=True)
@click.option("--shape", type=click.Choice(["ellipse", "box"]), default="ellipse", show_default=True)
@click.option("--margin", type=float, default=0.25, show_default=True, help="Growth of each box, share of its side.")
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG and WebP.")
@click.option("--receipt", type=click.Path(dir_okay=False, path_type=Path), help="Write the receipt here.")
@_json_option
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

    result, signed = _in_request(work)
    write_all(dict(zip(targets, (result.pop("data"), signed.to_json().encode()), strict=False)))
    result |= {"redacted": result["faces"] - result["kept"], "output": str(output)}
    if as_json:
        click.echo(json.dumps(result))
    else:
        faces = "1 face" if result["faces"] == 1 else f"{result['faces']} faces"
        click.echo(f"{faces}: {result['kept']} kept, {result['redacted']} covered; wrote {output}")
        click.echo(str(signed))


@main.command()
@click.argument("source", metavar="IN", type=_INPUT)
@_json_option
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

    result, signed = _in_request(work)
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


@main.command()
@click.argument("source", metavar="RECEIPT", type=_INPUT)
@click.option("--key", type=_INPUT, help="PEM of the public key that must have signed it.")
@click.option("--allow-open", is_flag=True, help="Accept a request that never closed.")
@_json_option
def verify(source: Path, key: Path | None, allow_open: bool, as_json: bool) -> None:
    """Check a receipt's form, signatures and phases."""
    from facegate.receipt import MAX_BYTES
    from facegate.receipt import verify as check

    trusted = None if key is None else _read(key, MAX_BYTES)
    try:
        verified = check(_read(source, MAX_BYTES), trusted_key=trusted, allow_open=allow_open)
    except InvalidReceiptError as error:
        if as_json:
            click.echo(json.dumps({"valid": False, "reason": error.reason}))
        raise
    if as_json:
        click.echo(
            json.dumps(
                {
                    "valid": True,
                    "pinned": verified.pinned,
                    "keyId": verified.key_id,
                    "statements": verified.statements,
                }
            )
        )
        return
    _show(verified)


def _show(verified: Any) -> None:
    table = Table("field", title="Verified by these checks: form, signatures, fit of the two phases")
    table.add_column("value", overflow="fold")  # a digest that ends in three dots is none
    opened = verified.statements[0]["predicate"]
    ending = verified.outcome or "still open"
    rows = [
        ("request", verified.request_id),
        ("purpose", verified.purpose),
        ("outcome", ending if verified.error is None else f"{ending} ({verified.error})"),
        ("opened", verified.opened_at),
        ("closed", verified.closed_at or "-"),
        ("child", verified.child_end or "-"),
        ("level", verified.level),
        ("protections", ", ".join(f"{each['name']} {each['state']}" for each in opened["protections"])),
        ("policy", opened["policy"]["sha256"]),
        *((f"model {name}", model["sha256"]) for name, model in opened["models"].items()),
    ]
    if verified.purge is not None:
        purge = verified.purge
        counts = f"{purge.bytes_wiped} bytes wiped, {purge.bytes_reread} read back, {purge.bytes_nonzero} not zero"
        rows.append(("purge", f"{counts}: {', '.join(purge.residuals)}" if purge.residuals else counts))
    for field, value in rows:
        # As Text: whoever wrote the receipt must not be able to write markup, and with it our verdict.
        table.add_row(Text(field), Text(value))
    Console().print(table)
    if verified.pinned:
        click.echo(f"intact; signed by the key that you named, {verified.key_id}")
    else:
        click.echo(f"intact; signed by key {verified.key_id}, which was not pinned: anybody may have made it")


def _read(path: Path, limit: int) -> bytes:
    """A file's content, as far as it takes to see that it is too long."""
    with path.open("rb") as file:
        return file.read(limit + 1)


def _in_request(work: Callable[[Any], dict[str, Any]]) -> tuple[dict[str, Any], Any]:
    """Do the work in one request of a gate of its own; the result and the receipt."""
    from facegate import Gate, Policy

    with Gate(Policy(spares=0)) as gate:
        with gate.open_request(f"cli-{secrets.token_hex(8)}", purpose="generation") as request:
            result = work(request)
        return result, request.receipt


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
