"""``facegate verify``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facegate.commands.common import INPUT, json_option
from facegate.commands.verify_act import is_act, verify_act
from facegate.commands.verify_audit import BEGINS, verify_audit
from facegate.errors import InvalidReceiptError

_LEDGER_BEGINS: Final = b'{"body":'
# Bytes of a ledger of some thousand receipts; below, starting processes takes longer than they save.
_WORTH_PROCESSES: Final = 16 << 20
_NAMED: Final = 10  # requests in one sentence


def _range(_: click.Context, __: click.Parameter, value: str | None) -> range | None:
    if value is None:
        return None
    first, colon, last = value.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise click.BadParameter("a range is A:B, two numbers of entries, the first the smaller one.")
    return range(int(first), int(last))


@click.command()
@click.argument("source", metavar="FILE", type=INPUT)
@click.option("--key", type=INPUT, help="PEM of the public key that must have signed it, or begun the ledger.")
@click.option("--allow-open", is_flag=True, help="Accept a request that never closed.")
@click.option(
    "--checkpoint", type=INPUT, help="A signed note of the ledger, known from elsewhere, that it must contain."
)
@click.option(
    "--entries", callback=_range, metavar="A:B", help="Check the ledger's receipts and acts in entries A up to B alone."
)
@json_option
def verify(
    source: Path, key: Path | None, allow_open: bool, checkpoint: Path | None, entries: range | None, as_json: bool
) -> None:
    """Check a receipt, a ledger of them, or an audit: form, signatures, phases, and that nothing is missing."""
    from facegate.receipt import MAX_BYTES

    trusted = None if key is None else _read(key, MAX_BYTES)
    try:
        content = _read(source, MAX_BYTES)  # once: it may be a pipe
        if source.suffix == ".jsonl" or content.startswith(_LEDGER_BEGINS):
            note = None if checkpoint is None else _text(checkpoint)
            _verify_ledger(source, trusted, allow_open, note, entries, as_json)
        elif checkpoint is not None or entries is not None:
            raise click.UsageError("--checkpoint and --entries are for a ledger, which this is not.")
        elif content.startswith(BEGINS):
            verify_audit(source, trusted, as_json)
        elif is_act(content):
            verify_act(content, trusted, as_json)
        else:
            _verify_receipt(content, trusted, allow_open, as_json)
    except InvalidReceiptError as error:
        if as_json:
            place = {"entry": error.entry} if hasattr(error, "entry") else {}
            click.echo(json.dumps({"valid": False, "reason": error.reason} | place))
        raise


def _verify_receipt(receipt: bytes, trusted: bytes | None, allow_open: bool, as_json: bool) -> None:
    from facegate.receipt import verify as check

    verified = check(receipt, trusted_key=trusted, allow_open=allow_open)
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


def _verify_ledger(
    source: Path, trusted: bytes | None, allow_open: bool, note: str | None, entries: range | None, as_json: bool
) -> None:
    from facegate.receipt.ledger import verify_ledger

    processes = min(os.cpu_count() or 1, 8) if source.stat().st_size > _WORTH_PROCESSES else 1
    verified = verify_ledger(source, trusted_key=trusted, checkpoint=note, entries=entries, processes=processes)
    if as_json:
        click.echo(json.dumps(_ledger_json(verified)))
    else:
        _show_ledger(verified)
    if verified.unclosed and not allow_open:
        count = len(verified.unclosed)
        names = ", ".join(each.request_id for each in verified.unclosed[:_NAMED]) + (", ..." if count > _NAMED else "")
        click.echo(f"facegate: {count} {'request' if count == 1 else 'requests'} never closed: {names}.", err=True)
        click.get_current_context().exit(1)


def _ledger_json(verified: Any) -> dict[str, Any]:
    return {
        "valid": True,
        "pinned": verified.pinned,
        "log": verified.log,
        "keyId": verified.key_id,
        "entries": verified.entries,
        "receipts": verified.checked,
        "acts": verified.acts,
        "unclosed": [
            {"requestId": each.request_id, "entry": each.entry, "gate": each.gate, "sequence": each.sequence}
            for each in verified.unclosed
        ],
        "torn": [{"entry": each.entry, "bytes": each.bytes} for each in verified.torn],
        "checkpoint": verified.checkpoint,
        "afterCheckpoint": verified.unchecked,
        "knownCheckpoint": verified.known,
    }


def _show_ledger(verified: Any) -> None:
    table = Table("field", title="Verified by these checks: chain, root, keys, every receipt and act read")
    table.add_column("value", overflow="fold")
    unclosed = ", ".join(f"{each.request_id} (entry {each.entry})" for each in verified.unclosed)
    torn = ", ".join(f"{each.bytes} bytes before entry {each.entry}" for each in verified.torn)
    for field, value in (
        ("log", verified.log),
        ("entries", str(verified.entries)),
        ("receipts checked", str(verified.checked)),
        ("acts checked", ", ".join(f"{count} {word}" for word, count in verified.acts.items()) or "none"),
        ("never closed", unclosed or "none"),
        ("torn and recovered", torn or "none"),
        ("after the last checkpoint", f"{verified.unchecked} entries"),
        ("key in force", verified.key_id),
    ):
        table.add_row(Text(field), Text(value))
    Console().print(table)
    if verified.pinned:
        click.echo("intact; begun with the key that you named")
    else:
        click.echo("intact; begun with a key that was not pinned: anybody may have made it")
    if verified.known:
        click.echo("it contains the checkpoint that you named; entries after that may have been cut off")
    else:
        click.echo("no checkpoint was named: entries may have been cut off its end")


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
        ("rules", opened["rules"]["sha256"]),
        *((f"model {name}", model["sha256"]) for name, model in opened["models"].items()),
    ]
    if verified.purge is not None:
        purge = verified.purge
        counts = f"{purge.bytes_wiped} bytes wiped, {purge.bytes_reread} read back, {purge.bytes_nonzero} not zero"
        rows.append(("purge", f"{counts}: {', '.join(purge.residuals)}" if purge.residuals else counts))
        left = [f"{each.count} {each.category} to {each.partner}, {each.bytes} bytes" for each in verified.shared]
        rows.append(("shared", "; ".join(left) or "nothing"))
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


def _text(path: Path) -> str:
    """A checkpoint's text; what is no text is no checkpoint either, and is refused as that."""
    from facegate.receipt.ledger.checkpoint import MAX_CHARACTERS

    return _read(path, 4 * MAX_CHARACTERS).decode(errors="replace")
