"""A gate under fault and the person of one batch: a portrait of its own, and the receipts of those who met it."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from facegate.audit.faults.course import PURPOSE
from facegate.audit.faults.gate import FaultGate
from facegate.audit.faults.search import Person
from facegate.policy import Policy

if TYPE_CHECKING:
    from facegate.audit.faults.search import Searcher
    from facegate.receipt import Receipt

# What a gate is for: the usual, children that hang, children that use up their processor time.
POLICIES: Final[dict[str, tuple[Policy, int | None]]] = {
    "usual": (Policy(spares=2, operation_timeout=20, ttl=120), None),
    "hang": (Policy(spares=2, operation_timeout=0.75, ttl=120), None),
    "CPU limit": (Policy(spares=1, operation_timeout=20, ttl=120), 1),
}


class Stand:
    """What the courses of a batch share.

    Attributes:
        person: of this batch and no other.
        gone: IDs of the requests whose receipt's reader breaks off.
        receipts: phases of the receipts that were handed out, by request ID.
        reached: stages of the worker in which somebody stays, for a worker that is about to be killed.
    """

    def __init__(self) -> None:
        self.person = Person(b"", "")
        self.gone: set[str] = set()
        self.receipts: defaultdict[str, list[str]] = defaultdict(list)
        self.reached: set[str] = set()
        self._never = threading.Event()

    def open(self, kind: str) -> FaultGate:
        """A gate of a kind, whose receipts come here."""
        policy, cpu = POLICIES[kind]
        return FaultGate(policy, cpu=cpu, on_receipt=self.sink)

    def sink(self, receipt: Receipt) -> None:
        """Take a receipt; break off if that is its request's fault."""
        name = str(receipt.statement()["subject"][0]["name"])
        self.receipts[name].append(receipt.phase)
        if receipt.phase == "CLOSE" and name in self.gone:
            raise ConnectionResetError(104, "Connection reset by peer")

    def control(self, gate: FaultGate, searcher: Searcher) -> bool:
        """Whether the person is found in this process while it is shown to it, as it must be."""
        with gate.open_request(f"control-{gate.gate_id}", purpose=PURPOSE) as request:
            upload = request.admit(self.person.data, "image")
            with upload.expose():
                return searcher.search(searcher.worker()).bytes > 0

    def held(self, stage: str) -> None:
        """Stay in a stage of the worker for ever, having said so."""
        self.reached.add(stage)
        self._never.wait()
