"""What is fuzzed: each target has seeds, a way to damage them and a check of what comes out."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.targets.ledgers import ActReceipts, Ledgers
from tests.fuzz.targets.media import Decoding, Headers
from tests.fuzz.targets.receipts import Receipts
from tests.fuzz.targets.target import Target
from tests.fuzz.targets.wires import Answers, Messages

TARGETS: dict[str, Callable[[], Target]] = {
    "headers": Headers,
    "decoding": Decoding,
    "messages": Messages,
    "answers": Answers,
    "receipts": Receipts,
    "acts": ActReceipts,
    "ledgers": Ledgers,
}

__all__ = ["TARGETS", "Target"]
