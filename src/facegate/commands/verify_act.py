"""The part of ``facegate verify`` that is for the receipt of an act."""

from __future__ import annotations

import json
from typing import Any

import click


def is_act(content: bytes) -> bool:
    """Whether a file says that it is the receipt of an act, in whatever form it is written."""
    from facegate.receipt.act_receipt import ACT_MEDIA_TYPE

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("mediaType") == ACT_MEDIA_TYPE


def verify_act(content: bytes, trusted: bytes | None, as_json: bool) -> None:
    """Check it, and say in one sentence what was done.

    Raises:
        InvalidReceiptError: it was changed, another key signed, or it says what no act says.
    """
    from facegate.receipt import ActReceipt
    from facegate.receipt import verify_act as check
    from facegate.receipt.envelope import key_id, load_public_key

    act = check(content, trusted_key=trusted)
    key = key_id(load_public_key(ActReceipt.from_json(content).public_key))
    if as_json:
        said = act.to_dict()
        click.echo(json.dumps({"valid": True, "pinned": trusted is not None, "keyId": key, "act": said}))
        return
    who = "the key that you named" if trusted else "a key that was not pinned: anybody may have made it"
    click.echo(f"intact; {_sentence(act)}; signed by {key}, {who}")


def _sentence(act: Any) -> str:
    said = act.to_dict()
    named = "".join(f", {name} {said[name]}" for name in ("asset", "demand", "request") if said[name])
    return (
        f"{said['act']}: {act.count} {'asset' if act.count == 1 else 'assets'} of {act.bytes} bytes, {act.kept} kept, "
        f"at {said['at']}, by {act.who}, for {act.why}, in store {act.store}{named}"
    )
