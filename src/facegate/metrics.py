"""What `Gate(metrics=...)` is told: counts and times, never a request ID, a size or anything else of an upload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from facegate.receipt import Outcome

Name: TypeAlias = Literal["queued", "opened", "refused", "closed"]
Reason: TypeAlias = Literal["full", "waited", "cancelled", "closed", "failed"]


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a gate is, at one moment.

    Attributes:
        open: requests that have a child or are about to.
        waiting: requests in the queue.
        spares: children that are ready for the next ones.
    """

    open: int
    waiting: int
    spares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a request, which is not named.

    Attributes:
        name: ``"queued"``: it waits for its turn; ``"opened"``; ``"refused"``: it was not opened; ``"closed"``: it is
            over and purged. Every request is opened or refused once for each time that it is entered, and what was
            opened is closed once.
        load: of the gate, just after that.
        queued: of what was opened or refused: whether it waited before.
        reason: of what was refused: ``"full"``, as many wait as may; ``"waited"``, for the longest time that the policy
            allows; ``"cancelled"``, by its own task or thread; ``"closed"``, the gate or the request; ``"failed"``, no
            child could be had.
        outcome: of what is closed, as on the receipt.
        seconds_waiting: of what was opened or refused.
        seconds_open: of what is closed, from its opening to the beginning of its purge.
        seconds_purge: of what is closed.
        declined: of what is closed, calls of its child that were declined; see `facegate.sandbox.listener`.
    """

    name: Name
    load: Load
    queued: bool = False
    reason: Reason | None = None
    outcome: Outcome | None = None
    seconds_waiting: float = 0.0
    seconds_open: float = 0.0
    seconds_purge: float = 0.0
    declined: int = 0


@runtime_checkable
class Recorder(Protocol):
    """An object that is told."""

    def record(self, event: Event) -> object:
        """Take note of an event; called in whatever thread it happened in, also that of an event loop: do not block."""


Metrics: TypeAlias = Callable[[Event], object] | Recorder
