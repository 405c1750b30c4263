"""Signed receipts: an in-toto Statement in a DSSE envelope, one when a request opens and one when it is purged.

And one for each act on what is kept: who did what, why, when and to how much of it.
"""

from facegate.receipt.act import ACTS, Act, ActWord, check_act, sign_act
from facegate.receipt.act_receipt import ActReceipt, verify_act
from facegate.receipt.bundle import Receipt, open_receipt
from facegate.receipt.envelope import Signer
from facegate.receipt.form import MAX_BYTES
from facegate.receipt.statement import Closed, Opened, Outcome, PurgeReport, Shared
from facegate.receipt.verify import Verified, verify

__all__ = [
    "ACTS",
    "MAX_BYTES",
    "Act",
    "ActReceipt",
    "ActWord",
    "Closed",
    "Opened",
    "Outcome",
    "PurgeReport",
    "Receipt",
    "Shared",
    "Signer",
    "Verified",
    "check_act",
    "open_receipt",
    "sign_act",
    "verify",
    "verify_act",
]
