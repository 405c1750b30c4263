"""What several commands share."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

INPUT: Final = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def in_request(work: Callable[[Any], dict[str, Any]], *, ttl: float = 300.0) -> tuple[dict[str, Any], Any]:
    """Do the work in one request of a gate of its own, `ttl` seconds at most; the result and the receipt."""
    from facegate import Gate, Policy

    with Gate(Policy(spares=0, ttl=ttl)) as gate:
        with gate.open_request(f"cli-{secrets.token_hex(8)}", purpose="generation") as request:
            result = work(request)
        return result, request.receipt
