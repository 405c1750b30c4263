"""Whether a run is slower than the committed baseline: ratios against ratios, each with a margin of its own.

What counts as slower must show in both estimates of the ratio, the median of the rounds and the best round of each
side: noise rarely moves both the same way, a slowdown does.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.suite.pairs import Result

# A margin is never narrower: that much can change with a compiler or a kernel. Never wider: 20 % must be seen.
LEAST_MARGIN: Final = 0.07
MOST_MARGIN: Final = 0.15
# With fewer, what runs differ by is a guess.
LEAST_RUNS: Final = 3
# Margin over what runs of the same commit differed by.
SAFETY: Final = 1.5
# On a host that the baseline has no figures of, ratios of another one are all that there is.
STRANGER: Final = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One benchmark against the baseline.

    Attributes:
        name: of the benchmark.
        ratio: as measured now.
        baseline: the ratio committed; 0 if there is none.
        slower: by how much, as a fraction, by the kinder of the two estimates; negative is faster.
        margin: that is allowed; 0 where there is no baseline.
        gated: whether it counts: the spread of some is wider than a gate can use.
        problem: why it failed, in words, or None.
    """

    name: str
    ratio: float
    baseline: float
    slower: float
    margin: float
    gated: bool
    problem: str | None


def judge(result: Result, known: Mapping[str, Any], *, stranger: bool) -> Verdict:
    """One result.

    Args:
        result: of the fresh run.
        known: benchmarks of the baseline by name, of this host or another.
        stranger: whether they are another host's.
    """
    row = known.get(result.pair)
    if row is None:
        problem = "it is not in the baseline: python -m benchmarks.gate --update"
        return Verdict(result.pair, result.ratio, 0.0, 0.0, 0.0, gated=True, problem=problem)
    slower = min(result.ratio / row["ratio"], result.best_ratio / row["best_ratio"]) - 1
    margin = row["margin"] * (STRANGER if stranger else 1)
    problem = f"{slower:+.1%}, allowed is {margin:.1%}" if row["gated"] and slower > margin else None
    return Verdict(result.pair, result.ratio, row["ratio"], slower, margin, row["gated"], problem)


def missing(measured: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """Benchmarks of the baseline that were not measured: one that is gone must not pass unseen."""
    return sorted(set(known) - set(measured))


def baseline(runs: Sequence[Sequence[Result]]) -> dict[str, dict[str, Any]]:
    """Rows of a baseline from several runs of the same commit.

    Args:
        runs: each with the same benchmarks, at least three.

    Raises:
        ValueError: too few, or they have not the same benchmarks.
    """
    if len(runs) < LEAST_RUNS or len({tuple(each.pair for each in run) for run in runs}) != 1:
        raise ValueError("A baseline needs at least three runs of the same benchmarks.")
    rows = {}
    for same in zip(*runs, strict=True):
        ratios, best = [each.ratio for each in same], [each.best_ratio for each in same]
        # Of the steadier estimate: one that is slower in both is what fails.
        spread = min(_range(ratios), _range(best))
        rows[same[0].pair] = {
            "ratio": statistics.median(ratios),
            "best_ratio": statistics.median(best),
            "spread": spread,
            "margin": min(MOST_MARGIN, max(LEAST_MARGIN, SAFETY * spread)),
            "gated": SAFETY * spread <= MOST_MARGIN,
        }
    return rows


def _range(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / statistics.median(values)
