"""What each right answers with: figures, the number of the wish, and a receipt."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from facegate.receipt.act_receipt import ActReceipt
from facegate.retention.kept import written
from facegate.rules.duration import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was done for a person. Nothing in it names the person.

    Attributes:
        demand: number of the wish, 32 hex digits; None where the person takes back what was wished before.
        receipt: signed, and on the ledger.
    """

    demand: str | None
    receipt: ActReceipt

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the receipt."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "receipt"}
        return {name: _plain(value) for name, value in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Answer):
    """What the person said is noted, and holds from now on.

    Attributes:
        count: assets that are kept and that it is about.
    """

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Answer):
    """Labels are changed.

    Attributes:
        count: of how many assets.
    """

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Answer):
    """How long the person wants a class to be kept, and how long it is.

    Attributes:
        kept_as: the class.
        wanted: by the person; None for as long as the policy says.
        effective: what holds: the shorter of the two.
        policy_wins: whether the person wanted it for longer than the policy keeps it.
        count: assets whose time is over sooner than before.
    """

    kept_as: str
    wanted: timedelta | None
    effective: timedelta
    policy_wins: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(Answer):
    """A copy is handed out.

    Attributes:
        count: assets that are in it.
        bytes: of their content.
        missing: assets that are not in it, since nobody can read them; its manifest says why of each.
        size: of the ZIP, bytes.
    """

    count: int
    bytes: int
    missing: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased(Answer):
    """What was deleted for the person.

    Attributes:
        count: assets whose keys are destroyed and whose blobs are gone.
        bytes: of their content.
        held: assets that a legal hold keeps; a sweep deletes them once it is released.
        kept: assets that the policy keeps whatever the person wishes, until their time is over.
        until: when the time of the last of those is over; None if there are none.
        answered: whether that was all; a wish to delete waits on while a hold keeps something.
    """

    count: int
    bytes: int
    held: int
    kept: int
    until: datetime | None
    answered: bool


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return written(value)
    return show(value) if isinstance(value, timedelta) else value
