"""What a run of the fault matrix found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from facegate.audit.faults.table import FAULTS, SENSELESS, STAGES

Result = Literal["ok", "failed", "not verified"]


@dataclass(slots=True)
class CellResult:
    """One stage and one fault.

    Attributes:
        stage: of `facegate.audit.faults.table.STAGES`.
        fault: of `FAULTS`.
        seed: replays the cell alone: ``python -m facegate.audit.faults STAGE FAULT --seed N``.
        requests: how many met the fault.
        residue_bytes: of this run's person, found in any process after the requests were over; those of a batch are
            counted for each cell in it, since the scan cannot tell them apart.
        missing_receipts: requests without a receipt that verifies and says how they ended; of a killed worker, without
            an OPEN receipt.
        orphans: processes left over.
        result: ``"not verified"`` where the fault could not be made or the memory not be read, never "ok" then.
        detail: what was wrong, or why it is not verified; "" if nothing.
    """

    stage: str
    fault: str
    seed: int
    requests: int = 0
    residue_bytes: int = 0
    missing_receipts: int = 0
    orphans: int = 0
    result: Result = "ok"
    detail: str = ""

    def fail(self, why: str) -> None:
        """Note what was wrong; each sort once."""
        self.result = "failed"
        self._note(why)

    def doubt(self, why: str) -> None:
        """Note why nothing can be said; a failure stays one."""
        if self.result == "ok":
            self.result = "not verified"
        self._note(why)

    def _note(self, why: str) -> None:
        if why not in self.detail:
            self.detail = f"{self.detail}; {why}" if self.detail else why


@dataclass(slots=True)
class FaultReport:
    """The matrix.

    Attributes:
        cells: one for each that was run.
        seed: of the run.
        seconds: that it took.
        scans: how often memory was searched.
        control_fired: whether the search found what an open request held, before any of this. Without it no cell is
            better than "not verified".
    """

    seed: int
    cells: list[CellResult] = field(default_factory=list)
    seconds: float = 0.0
    scans: int = 0
    control_fired: bool = False

    @property
    def requests(self) -> int:
        """Faulted requests in all."""
        return sum(cell.requests for cell in self.cells)

    @property
    def passed(self) -> bool:
        """Whether every cell is ok."""
        return bool(self.cells) and all(cell.result == "ok" for cell in self.cells)

    def as_dict(self) -> dict[str, Any]:
        """For the audit's JSON: the cells, those that make no sense, and sums."""
        return {
            "seed": self.seed,
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
            "scans": self.scans,
            "control_fired": self.control_fired,
            "passed": self.passed,
            "residue_bytes": sum(cell.residue_bytes for cell in self.cells),
            "missing_receipts": sum(cell.missing_receipts for cell in self.cells),
            "orphans": sum(cell.orphans for cell in self.cells),
            "stages": list(STAGES),
            "faults": list(FAULTS),
            "cells": [asdict(cell) for cell in self.cells],
            "senseless": [{"stage": stage, "fault": fault, "reason": why} for (stage, fault), why in SENSELESS.items()],
        }
