"""What the page plots, as plain numbers: the template draws them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

# Of one chart's drawing area, user units of its SVG; the template puts labels around it.
WIDTH: Final = 300.0
HEIGHT: Final = 110.0
# Room above the highest and below the lowest point, as a fraction of the range; at least so much of the value itself,
# so that a chart of noise looks like noise.
_ROOM: Final = 0.15
_LEAST_RANGE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Point:
    """One run in one chart.

    Attributes:
        x, y: in the chart.
        low, high: y of the ratio less and plus its spread.
        series: number of the series, one for each profile and host.
        words: what is said of it.
    """

    x: float
    y: float
    low: float
    high: float
    series: int
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The history of one benchmark.

    Attributes:
        name: of the benchmark.
        against: what the ratio is to.
        last: its ratio in the last run that has it.
        points: in the order of the runs.
        lines: for each series the points of its polyline, as SVG wants them.
        ticks: (y, label) of the axis.
    """

    name: str
    against: str
    last: float
    points: tuple[Point, ...]
    lines: tuple[tuple[int, str], ...]
    ticks: tuple[tuple[float, str], ...]


def series_of(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Profile and host of each series: ratios of different ones are not to be compared."""
    return list(dict.fromkeys(_series(run) for run in runs))


def _series(run: dict[str, Any]) -> str:
    return f"{run['profile']}, {run['host']['key']}"


def charts(runs: Sequence[dict[str, Any]]) -> list[tuple[str, list[Chart]]]:
    """Charts by group of benchmarks, in the order in which they first came up."""
    rows: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for run in runs:
        for row in run["results"]:
            rows.setdefault(row["name"], []).append((run, row))
    names = series_of(runs)
    groups: dict[str, list[Chart]] = {}
    for name, entries in rows.items():
        groups.setdefault(name.partition(".")[0], []).append(_chart(name, entries, names))
    return list(groups.items())


def _chart(name: str, entries: list[tuple[dict[str, Any], dict[str, Any]]], names: list[str]) -> Chart:
    ratios = [row["ratio"] for _, row in entries]
    middle, reach = (min(ratios) + max(ratios)) / 2, max(ratios) - min(ratios)
    half = max(reach * (0.5 + _ROOM), middle * _LEAST_RANGE / 2)

    def height(ratio: float) -> float:
        return round(min(max(HEIGHT * (0.5 - (ratio - middle) / (2 * half)), 0.0), HEIGHT), 2)

    step = WIDTH / max(len(entries) - 1, 1)
    points = []
    for number, (run, row) in enumerate(entries):
        spread = row["ratio"] * row["spread"]
        points.append(
            Point(
                round(WIDTH / 2 if len(entries) == 1 else number * step, 2),
                height(row["ratio"]),
                height(row["ratio"] - spread),
                height(row["ratio"] + spread),
                names.index(_series(run)),
                f"{row['ratio']:.3f} ± {spread:.3f}, {run['taken'][:16]}, {run['host']['commit']}, {_series(run)}",
            )
        )
    lines = [
        (number, " ".join(f"{point.x},{point.y}" for point in points if point.series == number))
        for number in sorted({point.series for point in points})
    ]
    ticks = tuple((height(value), f"{value:.3g}") for value in (middle - 0.8 * half, middle, middle + 0.8 * half))
    return Chart(name, entries[-1][1]["ceiling"]["what"], ratios[-1], tuple(points), tuple(lines), ticks)


def latest(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table, of one run."""
    rows = []
    for row in run["results"]:
        fps = row["frames"] / row["ours"]["median_s"] if row["frames"] else None
        rows.append({**row, "fps": fps, "share": 1 / row["ratio"]})
    return rows
