"""The part of ``facegate redact`` that is for one video."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from facegate.commands.batch import display
from facegate.commands.batch.kinds import Kind
from facegate.commands.batch.run import share_of
from facegate.commands.batch.tally import Tally
from facegate.commands.batch.walk import Item
from facegate.commands.batch.work import VIDEO_TTL
from facegate.commands.common import in_request
from facegate.writing import check_targets, write_all


def redact_video(
    source: Path,
    output: Path,
    receipt: Path | None,
    kind: Kind,
    choose: Callable[[Any], Any] | None,
    *,
    at: float,
    as_json: bool,
    redaction: dict[str, Any],
    encoding: dict[str, Any],
) -> None:
    """Redact one video; it takes its name when it is whole and its receipt is written.

    Args:
        source: the video.
        output: where it goes.
        receipt: where its receipt goes, if anybody wants it.
        kind: of the output.
        choose: takes the faces of one frame and gives the one to keep, or None; None keeps nobody, unlooked.
        at: second of the frame to choose on.
        as_json: print JSON.
        redaction: for `Request.redact`.
        encoding: for `Request.finish`.
    """
    check_targets([output] if receipt is None else [output, receipt])
    item = Item(source.name, source, kind, source.stat().st_size)
    tally = Tally([item])
    with (
        tempfile.TemporaryDirectory(prefix=".facegate-", dir=output.parent) as folder,
        display.make(Console(stderr=True), tally, quiet=False) as watcher,
    ):
        staged = Path(folder) / output.name

        def work(request: Any) -> dict[str, Any]:
            upload = request.admit(source, media="video")
            kept = None if choose is None else choose(request.analyze(upload, subject="none", at=at))
            safe = request.redact(upload, keep=kept, **redaction)
            current = tally.start(item)

            def tell(progress: Any) -> None:
                tally.frames(item, progress.frames, progress.of_frames, share_of(progress))
                watcher.frames(current)

            made = request.finish(safe, format=kind.format, to=staged, progress=tell, **encoding)
            return {"frames": made.frames, "chosen": int(kept is not None), "output": str(output)}

        result, signed = in_request(work, ttl=VIDEO_TTL)
        if receipt is not None:
            write_all({receipt: signed.to_json().encode()})
        staged.replace(output)
    if as_json:
        click.echo(json.dumps(result))
    else:
        who = "one face chosen to stay" if result["chosen"] else "all faces to be covered"
        frames = "1 frame" if result["frames"] == 1 else f"{result['frames']} frames"
        click.echo(f"{frames}: {who}; wrote {output}")
        click.echo(str(signed))
