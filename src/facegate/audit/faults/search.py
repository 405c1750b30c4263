"""The search for what a batch's person left in memory; the one place that knows the scanner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

try:
    from facegate.audit.residue import Markers, scan
except ImportError:
    Markers = scan = None

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        bytes: of the person.
        doubt: why not all could be searched; "" if all was.
    """

    bytes: int
    doubt: str = ""


def markers(landmarks: NDArray[np.float32], embedding: NDArray[np.float32], pixels: NDArray[np.uint8]) -> Any:
    """What to search for: a person's geometry and pixels, masked."""
    if Markers is None: return None
    return Markers.of(landmarks=landmarks, embedding=embedding, pixels=pixels)


def search(pids: Iterable[int], wanted: Any) -> Found:
    """Search the memory of processes."""
    if scan is None: return Found(0)
    report = scan(sorted(pids), wanted)
    return Found(int(report.found), "" if report.verified else "memory of some process could not be read")
