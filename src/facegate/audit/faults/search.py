"""The search for what a batch's person left in memory; the one place that knows the scanner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facegate.audit.residue import Markers, scan

WINDOW: Final = 32  # bytes of a hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        bytes: of the person.
        where: roles of the processes that had them, in words.
        doubt: why not all could be searched; "" if all was.
    """

    bytes: int
    where: str = ""
    doubt: str = ""


def markers(landmarks: NDArray[np.float32], embedding: NDArray[np.float32], pixels: NDArray[np.uint8]) -> Markers:
    """What to search for: a person's geometry and pixels, masked."""
    return Markers.of(landmarks=landmarks, embedding=embedding, pixels=pixels)


def search(pids: Iterable[int], wanted: Markers) -> Found:
    """Search the memory of processes, what they have open, and shared memory."""
    report = scan(sorted(pids), wanted)
    had = ", ".join(dict.fromkeys(each.role for each in report.processes if each.found))
    ranges = [one for each in report.processes for one in each.unreadable if one.explained is None]
    unread = ", ".join(f"{one.where}: {one.reason}" for one in ranges[:2])
    return Found(
        int(report.found) * WINDOW, had, "" if report.verified else f"not all memory could be searched: {unread}"
    )
