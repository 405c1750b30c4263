"""The signature of an audit: an in-toto Statement in a DSSE envelope that names the report and the page by digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from facegate.errors import InvalidReceiptError, ReceiptError
from facegate.receipt import envelope
from facegate.receipt.envelope import Signer
from facegate.receipt.statement import STATEMENT_TYPE

PREDICATE_TYPE: Final = "urn:facegate:audit:v1"
REPORT: Final = "report"
PAGE: Final = "page"


def sign(report: Mapping[str, Any], page: str | None, signer: Signer) -> dict[str, Any]:
    """The report with its signature under the key ``signature``.

    Args:
        report: what `Audit.as_dict` gives.
        page: the HTML page that was made of it, or None.
        signer: whose key signs.
    """
    subject = [{"name": REPORT, "digest": {"sha256": _digest(envelope.canonical(dict(report)))}}]
    if page is not None:
        subject.append({"name": PAGE, "digest": {"sha256": _digest(page.encode())}})
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": subject,
        "predicateType": PREDICATE_TYPE,
        "predicate": {"audit": report["audit"], "profile": report["profile"], "passed": report["passed"]},
    }
    signature = {"publicKey": signer.public_key_pem().decode(), "envelope": signer.sign(statement)}
    return dict(report) | {"signature": signature}


def check(signed: Mapping[str, Any], page: str | None = None, *, trusted_key: bytes | None = None) -> dict[str, Any]:
    """The report without its signature, if the signature is of it, and of the page that is given.

    Args:
        signed: what `sign` gave.
        page: the HTML page, or None.
        trusted_key: PEM of the key that must have signed; without one it is only shown that nothing was changed since.

    Raises:
        InvalidReceiptError: report, page or signature were changed, or another key signed.
    """
    report = {name: value for name, value in signed.items() if name != "signature"}
    try:
        pem = signed["signature"]["publicKey"].encode()
        statement = json.loads(
            envelope.check(signed["signature"]["envelope"], envelope.load_public_key(trusted_key or pem))
        )
        digests = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
        if statement["predicateType"] != PREDICATE_TYPE or digests[REPORT] != _digest(envelope.canonical(report)):
            raise InvalidReceiptError("The report was changed after it was signed.")
        if page is not None and digests.get(PAGE) != _digest(page.encode()):
            raise InvalidReceiptError("The page is not the one that was signed with this report.")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ReceiptError):
            raise
        raise InvalidReceiptError("This is no signed audit.") from None
    return report


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
