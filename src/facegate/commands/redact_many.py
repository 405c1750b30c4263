"""The part of ``facegate redact`` that is for folders and several files."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from facegate.commands.batch import display, manifest
from facegate.commands.batch.kinds import output_kind
from facegate.commands.batch.place import Place
from facegate.commands.batch.plan import Job, plan
from facegate.commands.batch.report import Report
from facegate.commands.batch.run import Batch
from facegate.commands.batch.settings import Settings
from facegate.commands.batch.tally import Tally
from facegate.commands.batch.walk import Found, find
from facegate.commands.batch.work import PICTURE_TTL, VIDEO_TTL

if TYPE_CHECKING:
    from facegate.gate import Gate
    from facegate.receipt import Signer
    from facegate.receipt.ledger import Ledger

_SPARES: Final = 4  # making one takes a few milliseconds, so that more would only hold memory
_NAMED: Final = 10  # skipped files that are named before the rest is only counted


def redact_many(
    sources: Sequence[Path],
    output: Path,
    settings: Settings,
    *,
    receipts: Path | None,
    threads: int,
    resume: bool,
    ledger: Path | None,
    key: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Redact all that the sources hold, and end the command: 0 all done, 1 a file failed.

    Raises:
        FacegateError: nothing could be begun.
        KeyboardInterrupt: it was interrupted; open requests were purged and the summary is printed.
    """
    from facegate.receipt import Signer

    if ledger is not None and key is None:
        # Whatever a key of this run alone signs could never be appended to.
        raise click.UsageError("--ledger needs --key: a ledger's key must outlive the run.")
    _check_folder(sources, output, "--output")
    if receipts is not None:
        _check_folder(sources, receipts, "--receipts")
    signer = None if key is None else Signer.from_pem(key.read_bytes())
    found = find(sources, leave_out=[output] if receipts is None else [output, receipts])
    jobs = plan(found.items, settings, output, receipts)
    tally = Tally(found.items)
    watcher = display.make(Console(stderr=True), tally, quiet=quiet)
    with contextlib.ExitStack() as held:
        log = None if ledger is None or signer is None else held.enter_context(_ledger(ledger, signer))
        gate = held.enter_context(_gate(jobs, threads, signer, log))
        place = held.enter_context(Place(output, receipts))
        done = manifest.Manifest(output / manifest.NAME)
        done.begin(() if resume else {job.item.name for job in jobs})
        trusted = None if signer is None else signer.public_key_pem()
        batch = Batch(gate, jobs, settings, place, done, tally, watcher, resume, trusted)
        held.enter_context(watcher)
        _tell(watcher, found)
        whole = batch.run(threads)
    report = Report(output, found, [batch.results[job.item.name] for job in jobs], interrupted=not whole)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    elif not quiet:
        for line in report.lines():
            click.echo(line)
    if not whole:
        raise KeyboardInterrupt
    sys.exit(1 if report.count("failed") else 0)


def _check_folder(sources: Sequence[Path], folder: Path, option: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise click.BadParameter("several results need a folder, which this is not.", param_hint=option)
    if not folder.exists() and output_kind(folder.name) is not None:
        raise click.BadParameter("several results need a folder, and this names a file.", param_hint=option)
    if not folder.resolve().parent.is_dir():
        raise click.BadParameter(f"the folder {folder.resolve().parent} does not exist.", param_hint=option)
    if any(source.is_dir() and folder.resolve() == source.resolve() for source in sources):
        raise click.BadParameter("this is the input folder, in which nothing is overwritten.", param_hint=option)


def _gate(jobs: Sequence[Job], threads: int, signer: Signer | None, ledger: Ledger | None) -> Gate:
    from facegate import Gate, Policy

    pictures = sum(job.item.kind.media == "image" for job in jobs)
    ttl = VIDEO_TTL if pictures < len(jobs) else PICTURE_TTL
    policy = Policy(spares=min(threads, pictures, _SPARES), max_open=threads + 1, ttl=ttl)
    return Gate(policy, signer=signer, ledger=ledger)


def _ledger(path: Path, signer: Signer) -> Ledger:
    from facegate.receipt.ledger import Ledger

    return Ledger(path, signer)


def _tell(watcher: display.Silence, found: Found) -> None:
    """What is left out, and what cannot be looked at."""
    for name, reason in found.skipped[:_NAMED]:
        watcher.note(f"skipped: {display.shown(name)}: {reason}")
    if len(found.skipped) > _NAMED:
        watcher.note(f"skipped: {len(found.skipped) - _NAMED} more; --json names them all")
    for name, sentence in found.failed:
        watcher.fail(name, sentence)
