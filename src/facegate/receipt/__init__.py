"""Signed receipts: an in-toto Statement in a DSSE envelope, one when a request opens and one when it is purged."""

from facegate.receipt.bundle import Receipt, open_receipt
from facegate.receipt.envelope import Signer
from facegate.receipt.form import MAX_BYTES
from facegate.receipt.statement import Closed, Opened, Outcome, PurgeReport, Shared
from facegate.receipt.verify import Verified, verify

__all__ = [
    "MAX_BYTES",
    "Closed",
    "Opened",
    "Outcome",
    "PurgeReport",
    "Receipt",
    "Shared",
    "Signer",
    "Verified",
    "open_receipt",
    "verify",
]
