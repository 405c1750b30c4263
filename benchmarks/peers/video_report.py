"""The comparison of whole videos as JSON and as a table in Markdown: no speed without its coverage beside it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.video_claims import claims, lines
from benchmarks.suite.pairs import deviation
from benchmarks.tally import NAMES

DEFAULT, SCALED, CEILING = "deface, default", "deface --scale 640x360", "decode + encode"
_SIZES = (*NAMES, ">=28")


def summed_up(runs: Sequence[dict[str, Any]], frames: int) -> dict[str, Any]:
    """One row's rounds.

    Args:
        runs: as `benchmarks.peers.video_run.run` gives them, one for each round.
        frames: of the clip.
    """
    seconds = [run["seconds"] for run in runs]
    middle = statistics.median(seconds)
    return {
        "rounds": len(runs),
        "seconds": seconds,
        "fps": frames / middle,
        "spread": deviation(seconds) / middle,
        "wall_s": statistics.median(run["wall_s"] for run in runs),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "peak_sum_mb": statistics.median(run["peak_sum_mb"] for run in runs),
    }


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row beside deface's two and beside the ceiling, by medians of ratios of the same round.

    A row without its counterpart in the run has None there.
    """
    by_name = {row["name"]: row for row in rows}

    def against(row: dict[str, Any], other: str) -> float | None:
        if other not in by_name:
            return None
        pairs = zip(by_name[other]["seconds"], row["seconds"], strict=False)
        return statistics.median(theirs / mine for theirs, mine in pairs)

    return [
        {
            **row,
            "times_deface": against(row, DEFAULT),
            "times_deface_scaled": against(row, SCALED),
            "of_ceiling": against(row, CEILING),
            "mb_over_ceiling": row["peak_mb"] - by_name[CEILING]["peak_mb"] if CEILING in by_name else None,
        }
        for row in rows
    ]


def markdown(report: dict[str, Any]) -> str:
    """The table, with the settings of every row below it."""
    heads = ["", "fps", "of decode + encode", "x deface", "x deface 640x360", "peak MB", "(sum of peaks)"]
    heads += [f"covered {size} px" for size in _SIZES]
    heads += ["false a frame", "uncovered", "audio", "frames", "duration"]
    table = [" | ".join(heads), " | ".join(["---", *["--:"] * (len(heads) - 1)])]
    table += [" | ".join(_cells(row)) for row in report["rows"]]
    host = report["host"]
    clip = report["clip"]
    words = [
        f"# {clip['name']}: {clip['frames']} frames, {clip['size_wh'][0]}x{clip['size_wh'][1]}, {clip['rate']:g} fps",
        "",
        f"Medians of {report['rounds']} interleaved rounds, x264 medium crf 23 where it can be set; {host['key']}, "
        f"commit {host['commit']}, load {host['load_before']:.1f} before the first round.",
        "",
        *(f"| {line} |" for line in table),
        "",
        "fps from opening the source to closing the target, without imports and models. Peak: largest sum of PSS of "
        "the process and all it started at a moment; beside it the sum of each one's own peak. Covered: share of "
        "face-frames of which at least three quarters lie under the covering, by height of the face; told by the "
        "output's pixels, or by boxes (b) where the covering has no colour of its own.",
        "",
        "## Claims",
        "",
        *lines(claims(report["rows"])),
        "",
        "## Settings",
        "",
        *(f"- **{row['name']}**: {row['settings']}" for row in report["rows"]),
    ]
    if report["failed"]:
        words += ["", "## Failed", "", *(f"- **{name}**: {why}" for name, why in report["failed"].items())]
    return "\n".join(words) + "\n"


def _cells(row: dict[str, Any]) -> list[str]:
    found = row["coverage"]
    if found is None:
        shares = ["-"] * (len(_SIZES) + 2)
    else:
        mark = " (b)" if found["told_by"] == "boxes" else ""
        each = [found["coverage"][size] for size in _SIZES]
        shares = [f"{one['share']:.3f}{mark}" if one["faces"] else "none" for one in each]
        shares += [f"{found['false_boxes_per_frame']:.2f}", str(found["uncovered"])]
    outcome = row["outcome"]
    return [
        row["name"],
        f"{row['fps']:.2f} ± {row['spread']:.0%}",
        _ratio(row["of_ceiling"]),
        _ratio(row["times_deface"]),
        _ratio(row["times_deface_scaled"]),
        f"{row['peak_mb']:.0f}",
        f"{row['peak_sum_mb']:.0f}",
        *shares,
        outcome["audio"],
        f"{outcome['frames_change']:+d}",
        f"{outcome['duration_change_s']:+.3f} s",
    ]


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
