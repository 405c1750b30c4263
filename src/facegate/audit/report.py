"""The audit: everything at once, on the reader's host, and what came of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final, Literal

from facegate.audit import faults
from facegate.audit.channels import run_channels
from facegate.audit.doctor import examine
from facegate.audit.faults.search import Searcher
from facegate.audit.lives import live, ordinary
from facegate.audit.promises import Judged, Seen, judge
from facegate.policy import Policy
from facegate.receipt.statement import timestamp

Profile = Literal["short", "full"]
Progress = Callable[[str, int, int], None]

# Faulted requests at least, of which every cell of the matrix has one, and purges under the clock.
PROFILES: Final[dict[Profile, tuple[int, int]]] = {"short": (1, 30), "full": (12_000, 500)}
LIMITATIONS: Final = (
    "Verified by these checks, on this host, at this time: that nothing was seen is no proof that nothing was.",
    "The scanner looks for copies of 32 bytes and more in eighteen encodings. Data that were compressed, encrypted, "
    "resized or otherwise computed on it does not know, nor what is in the kernel, in registers or on an accelerator.",
    "The watchers see the worker's process tree and this host's file systems, not other hosts, a hypervisor or the "
    "cache of a disk.",
    "Root, a debugger and the kernel can read what a request holds while it is open.",
    "The output itself shows the subject. What the worker does with it, and with copies of its own, is the worker's "
    "matter.",
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        number: random; names this run.
        profile: ``"short"`` or ``"full"``.
        began_at: UTC.
        seconds: that it took.
        seed: of the portrait and the faults; the same seed makes the same run.
        seen: the raw observations.
        promises: with their evidence.
    """

    number: str
    profile: Profile
    began_at: str
    seconds: float
    seed: int
    seen: Seen
    promises: tuple[Judged, ...]

    @property
    def failed(self) -> list[str]:
        """Promises that failed, by name."""
        return [each.promise.slug for each in self.promises if each.verdict == "failed"]

    @property
    def silent(self) -> list[str]:
        """Instruments whose control acted and was not seen."""
        controls = {
            "search of an open request": self.seen.lives.alive.found > 0,
            "search of a request under fault": self.seen.faults.control_fired,
            "a forged receipt": self.seen.lives.forged,
        }
        return [
            *(name for name, fired in controls.items() if not fired),
            *(each.name for each in self.seen.channels if not each.control_fired and not each.absent),
        ]

    @property
    def passed(self) -> bool:
        """No promise failed or stayed unverified, and every control was seen."""
        return not self.silent and all(each.verdict == "verified" for each in self.promises)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the signature."""
        return {
            "facegate": version("facegate"),
            "audit": self.number,
            "profile": self.profile,
            "seed": self.seed,
            "beganAt": self.began_at,
            "seconds": round(self.seconds, 1),
            "passed": self.passed,
            "controls_not_seen": self.silent,
            "promises": [each.as_dict() for each in self.promises],
            "channels": [each.as_dict() for each in self.seen.channels],
            "residue": self.seen.lives.as_dict(),
            "faults": self.seen.faults.as_dict(),
            "host": self.seen.host.as_dict(),
            "limitations": list(LIMITATIONS),
        }


def audit(
    profile: Profile = "short",
    *,
    seed: int | None = None,
    cells: Sequence[tuple[str, str]] | None = None,
    progress: Progress = lambda *_: None,
) -> Audit:
    """Run every check on this host.

    Args:
        profile: ``"short"`` takes under two minutes on two cores, ``"full"`` most of an hour.
        seed: to repeat a run; by default a new one.
        cells: stages and faults; all that make sense by default.
        progress: told a stage, what is done of it, and how much there is.

    Raises:
        FacegateError: no gate opens on this host, so there is nothing to audit; `facegate doctor` says why.
    """
    faulted, purges = PROFILES[profile]
    chosen = secrets.randbelow(1 << 31) if seed is None else seed
    began, clock = datetime.now(UTC), time.monotonic()
    progress("host", 0, 1)
    host = examine(Policy())
    progress("host", 1, 1)
    steps = _Counter("requests", purges + 2, progress)
    lives = live(Policy(), purges, chosen, steps.step)
    watched = _Counter("channels", 5, progress)
    with Searcher() as searcher:
        data = searcher.invite(chosen + 1).data
    channels = run_channels(lambda: ordinary(Policy(spares=1), data), progress=lambda _: watched.step())
    chosen_cells = faults.cells() if cells is None else list(cells)
    broken = _Counter("faults", len(chosen_cells), progress)
    run = faults.run(
        chosen_cells, requests=faulted if cells is None else 1, seed=chosen, progress=lambda _: broken.step()
    )
    seen = Seen(host, lives, channels, run)
    return Audit(
        f"audit-{secrets.token_hex(8)}",
        profile,
        timestamp(began),
        time.monotonic() - clock,
        chosen,
        seen,
        judge(seen),
    )


class _Counter:
    def __init__(self, stage: str, most: int, progress: Progress) -> None:
        self._stage, self._most, self._progress, self._done = stage, most, progress, 0
        progress(stage, 0, most)

    def step(self) -> None:
        self._done = min(self._done + 1, self._most)
        self._progress(self._stage, self._done, self._most)
