"""What is to happen to one request; all chance in it comes from a seed."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

from facegate.audit.faults.table import SELF_MADE, WORKER_STAGES, End, ends


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault.

    Attributes:
        stage: where.
        fault: which.
        moment: in the child, before or after the stage's work, when there is nothing yet, or everything.
        dies: whether an exception ends the child or refuses the command.
        by_task: whether the request runs in an event loop, and a cancellation is the task's.
    """

    stage: str
    fault: str
    moment: str
    dies: bool
    by_task: bool

    @classmethod
    def of(cls, stage: str, fault: str, seed: int, number: int) -> Plan:
        """The plan of a cell's request with that number."""
        dice = random.Random(f"{seed}/{number}")  # noqa: S311 - to be replayed
        moment, dies, task = dice.choice(("before", "after")), dice.random() < 0.5, dice.random() < 0.5
        by_task = task and fault == "cancel" and stage not in {"consume", "purge"}
        return cls(stage, fault, moment, dies, by_task)

    @property
    def in_child(self) -> bool:
        """Whether the child must be told, to act or to wait."""
        return self.stage not in WORKER_STAGES

    @property
    def needs_actor(self) -> bool:
        """Whether somebody else acts while the child waits in the stage."""
        return self.in_child and self.fault not in SELF_MADE

    @property
    def ends(self) -> tuple[End, ...]:
        """How the request may end."""
        return ends(self.stage, self.fault)

    def command(self) -> dict[str, object]:
        """For the child."""
        return {"do": "fault", "stage": self.stage, "fault": self.fault, "moment": self.moment, "dies": self.dies}


def seed_of(run: int, stage: str, fault: str) -> int:
    """The seed of a cell in a run."""
    return zlib.crc32(f"{run}/{stage}/{fault}".encode())
