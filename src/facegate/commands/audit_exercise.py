"""``facegate audit --exercise``: somebody's own workload under the watchers."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from facegate.commands.audit import show_promises

_REPORT: Final = "facegate-exercise.json"


def audit_exercise(
    named: str,
    seed: int | None,
    out: Path,
    key: Path | None,
    files: Sequence[str],
    kept: Sequence[str],
    channels: Sequence[str],
    *,
    as_json: bool,
) -> bool:
    """Run the function under every watcher and write the signed report; returns whether all that it could break held.

    Raises:
        click.UsageError: there is no such function.
    """
    from facegate.audit.exercise import exercise
    from facegate.audit.signature import sign
    from facegate.receipt.envelope import Signer
    from facegate.writing import check_targets, write_all

    signer = Signer.generate() if key is None else Signer.from_pem(key.read_bytes())
    check_targets([out / _REPORT])
    found = exercise(_function(named), files=files, kept=kept, channels=channels, seed=seed)
    signed = json.dumps(sign(found.as_dict(), None, signer), indent=1)
    write_all({out / _REPORT: signed.encode() + b"\n"})
    if as_json:
        click.echo(signed)
        return found.passed
    show_promises(found.promises, f"{found.number} of {named}, {found.opened} requests, {found.seconds:.0f} s")
    for each in found.channels:
        if each.result in {"found", "allowed"}:
            click.echo(f"{each.result}: {each.name}: {each.detail}")
    words = "every promise was verified by these checks" if found.passed else "not every promise was verified"
    click.echo(f"{words} while {named} ran; the report is in {out / _REPORT}")
    return found.passed


def _function(named: str) -> Callable[[bytes], Any]:
    module, separator, name = named.partition(":")
    if not (module and separator and name):
        raise click.UsageError("--exercise takes MODULE:FUNCTION, such as worker:serve.")
    # As `python -m` does: the command's own folder is the first on the path, and the user's is not on it.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a string is what the path holds
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise click.UsageError(f"--exercise: there is no module {error.name}.") from None
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise click.UsageError(f"--exercise: {module} has no function {name}.")
    return found  # type: ignore[no-any-return]
