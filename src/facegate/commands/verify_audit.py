"""The part of ``facegate verify`` that is for an audit's report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from facegate.errors import InvalidReceiptError

# How `facegate audit` begins its report.
BEGINS: Final = b'{\n "facegate":'


def verify_audit(source: Path, trusted: bytes | None, as_json: bool) -> None:
    """Check a report's signature, and that the page beside it, if there is one, is the one that was made with it.

    Raises:
        InvalidReceiptError: report or page were changed, or another key signed.
    """
    from facegate.audit.signature import check

    try:
        signed: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    except ValueError:
        raise InvalidReceiptError("This is no signed audit.") from None
    page = source.with_suffix(".html")
    text = page.read_text(encoding="utf-8") if page.is_file() else None
    report = check(signed, text, trusted_key=trusted)
    if as_json:
        click.echo(json.dumps({"valid": True, "pinned": trusted is not None, "page": text is not None} | _said(report)))
        return
    click.echo(f"{report['audit']}, {report['profile']} profile, began {report['beganAt']}")
    click.echo("every promise was verified by its checks" if report["passed"] else "not every promise was verified")
    click.echo(f"intact; {'with its page' if text is not None else 'no page lies beside it'}")
    click.echo("signed by the key that you named" if trusted else "the key was not pinned: anybody may have made it")


def _said(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in ("audit", "profile", "beganAt", "passed")}
