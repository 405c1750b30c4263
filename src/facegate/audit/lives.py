"""Ordinary requests, looked at while they live and when they are over."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from facegate.audit.faults.search import Searcher
from facegate.audit.receipts_seen import forged_is_refused
from facegate.audit.residue import ResidueReport
from facegate.errors import AnalysisError, RequestClosedError, UploadError
from facegate.gate import Gate
from facegate.policy import Policy
from facegate.receipt import Receipt, Verified, verify

_PURPOSE: Final = "safety"


@dataclass(frozen=True, slots=True)
class Lives:
    """What was seen.

    Attributes:
        alive: the search while a request shows its landmarks and pixels: the control, which must find them.
        over: the same search when it is over.
        purge_ms: how long each purge took, milliseconds.
        kept_view: whether a view that was kept reads zeros and its handle refuses; None where there is nobody to see.
        attempts: how often a handle of one request was given to another that was open beside it.
        refused: how many of these were refused.
        own_taken: whether the other took its own, which is the control.
        receipts: of the requests, verified, in their order.
        forged: whether a receipt with one character changed was refused, which is the control of `verify`.
    """

    alive: ResidueReport
    over: ResidueReport
    purge_ms: tuple[float, ...]
    kept_view: bool
    attempts: int
    refused: int
    own_taken: bool
    receipts: tuple[Verified, ...]
    forged: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the key ``residue``."""
        return {
            "alive": self.alive.as_dict(),
            "over": self.over.as_dict(),
            "purge_ms": [round(each, 3) for each in self.purge_ms],
        }


def live(policy: Policy, requests: int, seed: int, progress: Callable[[], None] = lambda: None) -> Lives:
    """Run requests on a portrait of nobody, drawn for this run.

    Args:
        policy: of the gate.
        requests: how many are purged under the clock, besides the one that is searched.
        seed: of the portrait.
        progress: called after each step.

    Raises:
        FacegateError: no gate opens here.
        RuntimeError: the drawn portrait was not taken for a face.
    """
    receipts: list[Receipt] = []

    def keep(receipt: Receipt) -> None:
        if receipt.phase == "CLOSE":
            receipts.append(receipt)

    # The markers are another process's: whoever makes them has had what they are made of.
    with Gate(policy, on_receipt=keep) as gate, Searcher() as searcher:
        data = searcher.invite(seed).data
        progress()
        alive, over, kept_view = searched(gate, searcher, data)
        progress()
        attempts, refused, own_taken = _strangers(gate, data)
        purge_ms = []
        for number in range(requests):
            gate.pool.wait_full(30)
            request = gate.open_request(f"audit-purged-{number}", purpose=_PURPOSE)
            request.open()
            request.analyze(request.admit(data, "image"), scan="large")
            begun = time.perf_counter()
            request.close()
            purge_ms.append((time.perf_counter() - begun) * 1e3)
            progress()
        key = gate.signer.public_key_pem()
    verified = tuple(verify(each, trusted_key=key) for each in receipts)
    forged = forged_is_refused(receipts[-1], key)
    return Lives(alive, over, tuple(purge_ms), kept_view, attempts, refused, own_taken, verified, forged)


def ordinary(policy: Policy, data: bytes) -> None:
    """What a worker does all day, for whoever watches: requests that end with an output, without one, and in an error.

    Args:
        policy: of the gate.
        data: an upload that shows somebody.
    """
    with Gate(policy) as gate:
        with gate.open_request("audit-finished", purpose=_PURPOSE) as request:
            upload = request.admit(data, "image")
            faces = request.analyze(upload)
            if faces.subject is not None:
                with faces.subject.expose("landmarks") as xyz, faces.expose("boxes") as boxes:
                    _ = float(xyz.max()) + float(boxes.max())
            request.finish(request.redact(upload), format="png")
        with gate.open_request("audit-abandoned", purpose=_PURPOSE) as request:
            request.analyze(request.admit(data, "image"), scan="large")
        with suppress(UploadError), gate.open_request("audit-refused", purpose=_PURPOSE) as request:
            request.admit(data[: len(data) // 2], "image")


def searched(gate: Gate, searcher: Searcher, data: bytes) -> tuple[ResidueReport, ResidueReport, bool]:
    """The search while a request shows its results, and when it is over; whether what was kept of it is dead."""
    with gate.open_request("audit-searched", purpose=_PURPOSE) as request:
        upload = request.admit(data, "image")
        subject = request.analyze(upload).subject
        if subject is None:
            raise RuntimeError("The drawn portrait shows nobody.")
        with subject.expose("landmarks") as xyz, subject.expose("embedding") as vector, upload.expose() as rgb:
            alive = searcher.report(searcher.worker())
        request.finish(request.redact(upload), format="png")
    over = searcher.report(searcher.worker())
    refused = False
    try:
        with subject.expose("landmarks"):
            pass
    except RequestClosedError:
        refused = True
    return alive, over, refused and not xyz.any() and not vector.any() and not rgb.any()


def _strangers(gate: Gate, data: bytes) -> tuple[int, int, bool]:
    """Attempts to give a request another's picture or face, how many were refused, and whether its own was taken."""
    refused = 0
    with (
        gate.open_request("audit-one", purpose=_PURPOSE) as one,
        gate.open_request("audit-other", purpose=_PURPOSE) as other,
    ):
        mine, theirs = one.admit(data, "image"), other.admit(data, "image")
        face = one.analyze(mine).subject
        attempts = (
            lambda: other.analyze(mine),
            lambda: other.redact(mine),
            lambda: other.finish(mine),
            lambda: other.redact(theirs, keep=face),
        )
        for attempt in attempts:
            try:
                attempt()
            except AnalysisError:
                refused += 1
        own_taken = other.analyze(theirs).subject is not None
    return len(attempts), refused, own_taken
