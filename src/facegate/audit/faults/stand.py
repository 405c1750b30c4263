"""A gate under fault and the person of one batch: a portrait of its own, what it looks like in memory, and receipts."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from facegate.audit.faults import search
from facegate.audit.faults.course import PURPOSE, digest
from facegate.audit.faults.gate import FaultGate
from facegate.audit.faults.picture import draw
from facegate.policy import Policy

if TYPE_CHECKING:
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
        data: the upload, JPEG, of a person that no other batch has.
        digest: of the landmarks that the child finds in it.
        markers: of the person; see `search`.
        gone: IDs of the requests whose receipt's reader breaks off.
        receipts: phases of the receipts that were handed out, by request ID.
        control: bytes found while the reference request was open.
    """

    def __init__(self) -> None:
        self.data = b""
        self.digest = ""
        self.markers: Any = None
        self.gone: set[str] = set()
        self.receipts: defaultdict[str, list[str]] = defaultdict(list)
        self.control = 0
        self.reached: set[str] = set()
        self._all_reached = threading.Event()

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

    def invite(self, gate: FaultGate, seed: int, *, control: bool) -> None:
        """Make a person, and have facegate look at it in two requests that nothing happens to.

        Args:
            gate: any.
            seed: of the person.
            control: search this process while it is shown the person, who must be found then.
        """
        picture = draw(seed)
        with gate.open_request(f"draw-{seed}-{gate.gate_id}", purpose=PURPOSE) as request:
            # JPEG, so that no pixel of what the child decodes was ever in this process.
            self.data = request.finish(picture, format="jpeg", quality=90).data
        picture[...] = 0
        with gate.open_request(f"look-{seed}-{gate.gate_id}", purpose=PURPOSE) as request:
            upload = request.admit(self.data)
            subject = request.analyze(upload, scan="large").subject
            if subject is None:
                raise RuntimeError("The drawn portrait shows nobody.")
            with (
                subject.expose("landmarks") as xyz,
                subject.expose("embedding") as vector,
                subject.expose("box") as box,
                upload.expose() as rgb,
            ):
                self.digest = digest(xyz)
                left, top, right, bottom = (int(max(each, 0)) for each in box)
                if self.markers is not None:
                    self.markers.close()
                self.markers = search.markers(xyz, vector, rgb[top:bottom, left:right])
                if control:
                    self.control = search.search([os.getpid()], self.markers).bytes

    def held(self, stage: str) -> None:
        """Stay in a stage of the worker for ever, having said so; for a worker that is about to be killed."""
        self.reached.add(stage)
        self._all_reached.wait()

