"""Which input becomes which output; no output is ever an input, and no two are one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from facegate.commands.batch.kinds import SUFFIXES
from facegate.commands.batch.settings import Settings
from facegate.commands.batch.walk import Item
from facegate.errors import OutputError

RECEIPT_SUFFIX: Final = ".receipt.json"


@dataclass(frozen=True, slots=True)
class Job:
    """One file's way through the batch.

    Attributes:
        item: what comes in.
        format: of the output.
        output: the output's name, below the output folder.
        target: where the output goes.
        receipt: where its receipt goes.
        settings: digest of the settings.
    """

    item: Item
    format: str
    output: str
    target: Path
    receipt: Path
    settings: str


def plan(items: Sequence[Item], settings: Settings, output: Path, receipts: Path | None) -> list[Job]:
    """A job for every item.

    An output keeps its input's name; its extension follows the format. Where two would then share one name, the new
    extension goes behind the old one: ``a.png`` and ``a.bmp`` become ``a.png`` and ``a.bmp.png``.

    Args:
        items: with names that differ.
        settings: they decide the format.
        output: folder of the outputs.
        receipts: folder of the receipts; None puts each beside its output.

    Raises:
        OutputError: two inputs have one name, or an output would overwrite an input.
    """
    names = _output_names(items, settings)
    jobs = []
    for item, name in zip(items, names, strict=True):
        receipt = (receipts or output) / (name + RECEIPT_SUFFIX)
        jobs.append(Job(item, settings.format_of(item.kind), name, output / name, receipt, settings.digest(item.kind)))
    _check_inputs(jobs)
    return jobs


def _output_names(items: Sequence[Item], settings: Settings) -> list[str]:
    _check_unique((item.name for item in items), "Two inputs are both named {}: give them in two batches.")
    pairs = [(PurePosixPath(item.name), SUFFIXES[settings.format_of(item.kind)]) for item in items]
    # What has the right extension keeps its name; of the others those get a longer one that would share theirs.
    names = [str(path if path.suffix.lower() in right else path.with_suffix(right[0])) for path, right in pairs]
    shared = {name for name, count in Counter(names).items() if count > 1}
    names = [
        f"{path}{right[0]}" if name in shared and path.suffix.lower() not in right else name
        for name, (path, right) in zip(names, pairs, strict=True)
    ]
    _check_unique(names, "Two inputs would both become {}: give them in two batches.")
    return names


def _check_unique(names: Iterable[str], sentence: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise OutputError(sentence.format(name))


def _check_inputs(jobs: Sequence[Job]) -> None:
    inputs = {_identity(job.item.path) for job in jobs}
    for job in jobs:
        for target in (job.target, job.receipt):
            if _identity(target) in inputs and target.exists():
                raise OutputError(f"{target} is an input and is never overwritten: name another output folder.")


def _identity(path: Path) -> tuple[int, int] | None:
    """The file behind a path, so that no link, relative path or second name hides that two are one."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino
