"""What a receipt says: the in-toto Statements of the two phases. Nothing in them comes from the person.

Format: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from facegate.categories import Category
from facegate.errors import ReceiptError
from facegate.protections import Protection

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:facegate:receipt:v1"

Outcome: TypeAlias = Literal[
    "finished",  # the output was produced
    "abandoned",  # the block ended without an output
    "exception",  # the block raised
    "cancelled",  # the task was cancelled, or the gate closed
    "withdrawn",  # the person withdrew consent
    "timeout",  # a command took longer than the policy allows
    "expired",  # the request's time to live was over
    "child-crashed",  # the child died or broke the protocol
    "purge-failed",  # bytes were not zero when they were read back
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What is known when a request opens.

    Attributes:
        request_id: the statement's subject.
        purpose: one of the policy's.
        gate_id: random, one per gate.
        sequence: number of this request among the gate's, from 1.
        opened_at: UTC.
        policy_digest: of the whole policy, SHA-256, hex.
        rules_digest: of the media policy alone, as `facegate policy show` prints it.
        models: SHA-256 of each network, by name.
        level: the protection level achieved.
        protections: what it consists of.
    """

    request_id: str
    purpose: str
    gate_id: str
    sequence: int
    opened_at: datetime
    policy_digest: str
    rules_digest: str
    models: Mapping[str, str]
    level: str
    protections: Sequence[Protection]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What purge did to the request's shared memory.

    Attributes:
        bytes_wiped: overwritten with zeros.
        bytes_reread: read back afterwards.
        bytes_nonzero: of those wiped, not zero or not read back.
        residuals: names of the regions that they were in.
    """

    bytes_wiped: int
    bytes_reread: int
    bytes_nonzero: int
    residuals: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What one partner was handed of one category.

    Attributes:
        partner: its name in the policy.
        category: of what it was.
        count: how often.
        bytes: in all.
    """

    partner: str
    category: Category
    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What is known when a request was purged.

    Attributes:
        outcome: why it ended.
        error: class name of the error that ended it, or None.
        child_end: ``"killed at purge"``, ``"signal SIGSEGV"``, ``"exit 3"``, ``"lost with the zygote"``,
            ``"killed, but not ended in time"``.
        purge: what was wiped.
        closed_at: UTC.
        shared: what left for partners, sorted by partner and category, each pair once.
    """

    outcome: Outcome
    error: str | None
    child_end: str
    purge: PurgeReport
    closed_at: datetime
    shared: Sequence[Shared] = ()


def open_statement(opened: Opened) -> dict[str, Any]:
    """The Statement of phase OPEN."""
    return statement_of(
        opened.request_id,
        PREDICATE_TYPE,
        {
            "phase": "OPEN",
            "gate": opened.gate_id,
            "sequence": opened.sequence,
            "purpose": opened.purpose,
            "openedAt": timestamp(opened.opened_at),
            "policy": {"sha256": opened.policy_digest},
            "rules": {"sha256": opened.rules_digest},
            "models": {name: {"sha256": digest} for name, digest in opened.models.items()},
            "level": opened.level,
            "protections": [
                {"name": each.name, "state": each.state, "detail": each.detail} for each in opened.protections
            ],
        },
    )


def close_statement(open_payload: bytes, opened: Mapping[str, Any], closed: Closed) -> dict[str, Any]:
    """The Statement of phase CLOSE, which names the payload of its OPEN by digest."""
    return statement_of(
        opened["subject"][0]["name"],
        PREDICATE_TYPE,
        {
            "phase": "CLOSE",
            "gate": opened["predicate"]["gate"],
            "sequence": opened["predicate"]["sequence"],
            "opened": {"sha256": hashlib.sha256(open_payload).hexdigest()},
            "closedAt": timestamp(closed.closed_at),
            "outcome": closed.outcome,
            "error": _class_name(closed.error),
            "child": {"end": closed.child_end},
            "purge": {
                "bytesWiped": closed.purge.bytes_wiped,
                "bytesReread": closed.purge.bytes_reread,
                "bytesNonzero": closed.purge.bytes_nonzero,
                "residuals": list(closed.purge.residuals),
            },
            "shared": [asdict(each) for each in closed.shared],
        },
    )


def statement_of(name: str, predicate_type: str, predicate: dict[str, Any]) -> dict[str, Any]:
    """The Statement that says this of a thing that has this name."""
    # in-toto wants a digest of the subject. The subject is the request, so it is the digest of its ID: a digest of the
    # upload or the output would let anybody who has a picture look up what was done with it.
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def _class_name(name: str | None) -> str | None:
    # A class made with type() may have any text for its name, also one with data in it.
    return name if name is None or name.isidentifier() else "Exception"


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds.

    Raises:
        ReceiptError: the moment has no time zone, so it is not known which it is.
    """
    if moment.tzinfo is None:
        raise ReceiptError("A receipt's times need a time zone.")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
