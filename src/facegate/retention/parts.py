"""What a store is made of, as the modules that do its work take it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from facegate.errors import RetentionError
from facegate.receipt.act import Act, ActWord
from facegate.receipt.act_receipt import ActReceipt
from facegate.receipt.ledger import Ledger
from facegate.retention.blobs import Blobs
from facegate.retention.database import Database
from facegate.retention.kept import time_of
from facegate.retention.keys import MasterKeys
from facegate.rules.model import Rules
from facegate.showable import is_showable

# How long whoever puts or deletes something is believed to be alive after the last sign of it.
LEASE: Final = timedelta(minutes=15)
_LONGEST: Final = {"person": 128, "request": 128, "who": 128, "label": 500}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a store is made of.

    Attributes:
        rules: the policy that it holds to.
        database: where it is known what is kept.
        blobs: where the content is, encrypted.
        keys: what wraps people's keys.
        ledger: where every act is written down.
        store: its ID, 32 hex digits.
        lease: see `LEASE`.
        clock: milliseconds since 1970.
    """

    rules: Rules
    database: Database
    blobs: Blobs
    keys: MasterKeys
    ledger: Ledger
    store: str
    lease: timedelta
    clock: Callable[[], int]

    def lease_from(self, now: int) -> int:
        """Until when a lease taken now lasts."""
        return now + milliseconds(self.lease)

    def act(self, act: ActWord, who: str, why: str, **fields: Any) -> Act:
        """An act of this store, now."""
        fields = {"count": 1, "bytes": 0} | fields
        return Act(act=act, who=who, why=why, at=time_of(self.clock()), store=self.store, **fields)

    def record(self, act: ActWord, who: str, why: str, **fields: Any) -> ActReceipt:
        """Write an act down; on the disk when this returns.

        Raises:
            LedgerError: it could not be written.
        """
        return self.ledger.record(self.act(act, who, why, **fields))


def now() -> int:
    """The clock."""
    return time.time_ns() // 1_000_000


def milliseconds(duration: timedelta) -> int:
    """A duration as the database counts."""
    return duration // timedelta(milliseconds=1)


def new_id(at: int) -> str:
    """32 hex digits: the time, so that what is put together lies together, and 80 random bits."""
    return f"{at:012x}{os.urandom(10).hex()}"


def check_text(name: str, value: object) -> None:
    """Raise for what is no text of a line, or too long.

    Raises:
        RetentionError: the sentence has the name, not the value.
    """
    longest = _LONGEST[name]
    if not is_showable(value) or len(str(value)) > longest:
        raise RetentionError(f"{name} must be a text of one line, {longest} characters at most.")
