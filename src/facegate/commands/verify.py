"""``facegate verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.commands.common import INPUT, json_option
from facegate.errors import InvalidReceiptError


@click.command()
@click.argument("source", metavar="RECEIPT", type=INPUT)
@click.option("--key", type=INPUT, help="PEM of the public key that must have signed it.")
@click.option("--allow-open", is_flag=True, help="Accept a request that never closed.")
@json_option
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
