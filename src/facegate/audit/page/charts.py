"""What the page's charts show, as plain numbers: the template draws them, as SVG and tables."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any, Final

_BINS: Final = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """Residue of one place.

    Attributes:
        label: role and process ID.
        before: windows found while the request was open.
        after: windows found when it was over.
        before_share: length of the bar, 0 to 1, on a logarithmic scale.
        after_share: likewise.
    """

    label: str
    before: int
    after: int
    before_share: float
    after_share: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Times to purge.

    Attributes:
        bins: (left edge in ms, count, height from 0 to 1).
        width: of a bin, ms.
        median: ms.
        p99: ms.
        most: ms.
    """

    bins: tuple[tuple[float, int, float], ...]
    width: float
    median: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Grid:
    """The fault matrix.

    Attributes:
        stages: columns.
        rows: fault and its cells, each a (result, requests, words) or None where the cell makes no sense.
    """

    stages: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, int, str] | None, ...]], ...]


def residue_bars(residue: dict[str, Any]) -> tuple[Bar, ...]:
    """Each process, and the files of all, before and after."""
    counts: dict[str, list[int]] = {}
    for column, name in enumerate(("alive", "over")):
        for place in residue[name]["processes"]:
            # A child of the request is gone afterwards, and its process ID with it.
            label = place["role"] if place["pid"] is None else f"{place['role']} {place['pid']}"
            counts.setdefault(label, [0, 0])[column] += sum(hit["count"] for hit in place["hits"])
    most = math.log1p(max((max(pair) for pair in counts.values()), default=0)) or 1.0
    return tuple(
        Bar(label, before, after, math.log1p(before) / most, math.log1p(after) / most)
        for label, (before, after) in counts.items()
    )


def histogram(milliseconds: list[float]) -> Histogram:
    """Of the times to purge."""
    ordered = sorted(milliseconds) or [0.0]
    most = ordered[-1]
    width = max(most / _BINS, 0.1)
    counts = [0] * _BINS
    for each in milliseconds:
        counts[min(int(each / width), _BINS - 1)] += 1
    highest = max(counts) or 1
    bins = tuple((position * width, count, count / highest) for position, count in enumerate(counts))
    return Histogram(
        bins, width, statistics.median(ordered), ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)], most
    )


def grid(faults: dict[str, Any]) -> Grid:
    """Of the cells that were run."""
    cells = {(each["stage"], each["fault"]): each for each in faults["cells"]}
    senseless = {(each["stage"], each["fault"]): each["reason"] for each in faults["senseless"]}
    rows = []
    for fault in faults["faults"]:
        row: list[tuple[str, int, str] | None] = []
        for stage in faults["stages"]:
            cell = cells.get((stage, fault))
            if cell is None:
                why = senseless.get((stage, fault))
                row.append(None if why is None else ("senseless", 0, why))
            else:
                row.append((cell["result"], cell["requests"], cell["detail"]))
        rows.append((fault, tuple(row)))
    return Grid(tuple(faults["stages"]), tuple(rows))
