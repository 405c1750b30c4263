"""Receipts and acts in a hash-chained log, with checkpoints: what shows that none was changed, removed or put in."""

from facegate.receipt.ledger.act_entries import MAX_ACTS, acts
from facegate.receipt.ledger.chain import Torn
from facegate.receipt.ledger.checkpoint import Checkpoint
from facegate.receipt.ledger.log import EVERY, Ledger
from facegate.receipt.ledger.receipts import Phase
from facegate.receipt.ledger.sink import FileSink, Sink
from facegate.receipt.ledger.verify import VerifiedLedger, verify_ledger

__all__ = [
    "EVERY",
    "MAX_ACTS",
    "Checkpoint",
    "FileSink",
    "Ledger",
    "Phase",
    "Sink",
    "Torn",
    "VerifiedLedger",
    "acts",
    "verify_ledger",
]
