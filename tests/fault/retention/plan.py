"""What many processes do with one store at once, and what each of them did."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

from tests.fault.retention.scenes import T0

DAY = 86_400_000
# So long that nobody is ever believed to be dead: each deletion is then done by exactly one.
LEASE = timedelta(days=10_000)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done.

    Attributes:
        assets: that are put, by all writers together.
        writers: processes that put, hold, release and delete.
        sweepers: processes that sweep until the writers are done.
        day: seconds that a day of the store's clock takes; drafts are due after one.
        seed: of what the writers do.
        began: when the clock showed `T0`, in nanoseconds of the monotonic clock, which processes share.
    """

    assets: int
    writers: int = 8
    sweepers: int = 8
    day: float
    seed: int
    began: int = field(default_factory=time.monotonic_ns)

    def now(self) -> int:
        """The store's clock."""
        return T0 + int((time.monotonic_ns() - self.began) / 1e9 / self.day * DAY)


@dataclass
class Did:
    """What one process did.

    Attributes:
        put: ID and name of what was acknowledged as kept.
        refused: puts that ended because their person was deleted meanwhile.
        held: of assets: when the hold had been placed, and when its release was asked for.
        deleted: assets, as `Deleted` counts them.
        swept: as `Swept` counts them, without those taken over from others.
        taken_over: assets that others had not finished.
        read: how often something was read.
        seconds: that it took.
        errors: that must not be.
    """

    put: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    held: dict[str, list[list[int]]] = field(default_factory=dict)
    deleted: int = 0
    swept: int = 0
    taken_over: int = 0
    read: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
