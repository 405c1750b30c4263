"""Two sides that take turns, and what came of it.

A ratio is ours / ceiling, in seconds for the same work: 1 is the ceiling itself, 2 takes twice as long. Seconds depend
on the machine and on what else it does; the ratio of two things measured in turns depends far less on either.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

# A median of fewer rounds than this is not one.
LEAST_ROUNDS: Final = 5
# The median absolute deviation of a normal distribution, times this, is its standard deviation.
_SIGMA: Final = 1.4826

Timer = Callable[[int], list[float]]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair.

    Attributes:
        what: is timed, in words.
        time: does the work so many times and returns the seconds of each.
        clock: ``cpu`` where the seconds are the processor's, ``wall`` where they are the clock's.
    """

    what: str
    time: Timer
    clock: str = "wall"


@dataclass(frozen=True, slots=True)
class Pair:
    """Ours beside what it is measured by.

    Attributes:
        name: unique, with its group before the first dot, e.g. ``kernels.pixelate``.
        ours: facegate's side.
        ceiling: the other.
        rounds: turns of each side, at least `LEAST_ROUNDS`.
        runs: of a side in each of its turns; the best of them counts, since noise only adds.
        frames: that one run works through, or 0 where frames per second say nothing.
    """

    name: str
    ours: Side
    ceiling: Side
    rounds: int
    runs: int
    frames: int = 0

    def __post_init__(self) -> None:
        if self.ours.clock != self.ceiling.clock:
            raise ValueError(f"{self.name} is timed by two clocks: {self.ours.clock} and {self.ceiling.clock}.")
        if self.rounds < LEAST_ROUNDS or self.runs < 1:
            raise ValueError(f"{self.name} needs {LEAST_ROUNDS} rounds and 1 run, got {self.rounds} and {self.runs}.")


@dataclass(frozen=True, slots=True)
class Result:
    """What a pair came to.

    Attributes:
        pair: its name.
        ours: seconds of our side, one for each round.
        ceiling: of the other side.
        ours_what: in words.
        ceiling_what: in words.
        frames: that one run worked through.
        clock: of both sides.
    """

    pair: str
    ours: tuple[float, ...]
    ceiling: tuple[float, ...]
    ours_what: str
    ceiling_what: str
    frames: int
    clock: str

    @property
    def ratios(self) -> tuple[float, ...]:
        """Of each round."""
        return tuple(mine / other for mine, other in zip(self.ours, self.ceiling, strict=True))

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios: a drift of the machine's speed meets both sides of a round."""
        return statistics.median(self.ratios)

    @property
    def best_ratio(self) -> float:
        """Of the best round of either side: noise that hits single rounds is not in it."""
        return min(self.ours) / min(self.ceiling)

    @property
    def spread(self) -> float:
        """Robust standard deviation of the rounds' ratios, as a fraction of the ratio."""
        return deviation(self.ratios) / self.ratio

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `benchmarks.suite.report` has the schema."""
        return {
            "name": self.pair,
            "ratio": self.ratio,
            "best_ratio": self.best_ratio,
            "spread": self.spread,
            "frames": self.frames,
            "clock": self.clock,
            "ours": _side(self.ours_what, self.ours),
            "ceiling": _side(self.ceiling_what, self.ceiling),
        }


def deviation(values: Sequence[float]) -> float:
    """Standard deviation by the median absolute deviation, which one wild value does not move."""
    middle = statistics.median(values)
    return _SIGMA * statistics.median(abs(each - middle) for each in values)


def _side(what: str, seconds: tuple[float, ...]) -> dict[str, Any]:
    middle = statistics.median(seconds)
    spread = deviation(seconds) / middle
    return {"what": what, "median_s": middle, "best_s": min(seconds), "spread": spread, "rounds_s": list(seconds)}


def timed(what: str, work: Callable[[], object], *, wall: bool = False) -> Side:
    """A side that is a function of this process.

    Args:
        what: is timed, in words.
        work: does it once.
        wall: by the clock, for what works in several threads or waits; else by the processor's time, all threads of the
            process added up, which others on the machine disturb far less.
    """
    clock = time.perf_counter if wall else time.process_time

    def time_it(runs: int) -> list[float]:
        taken = []
        for _ in range(runs):
            begun = clock()
            work()
            taken.append(clock() - begun)
        return taken

    return Side(what, time_it, "wall" if wall else "cpu")


def measure(pair: Pair) -> Result:
    """Let both sides take turns; who begins changes from round to round, so that neither profits from its place."""
    for side in (pair.ours, pair.ceiling):
        side.time(1)
    seconds: dict[str, list[float]] = {"ours": [], "ceiling": []}
    for number in range(pair.rounds):
        turns = [("ours", pair.ours), ("ceiling", pair.ceiling)]
        for name, side in turns if number % 2 == 0 else reversed(turns):
            seconds[name].append(min(side.time(pair.runs)))
    return Result(
        pair.name,
        tuple(seconds["ours"]),
        tuple(seconds["ceiling"]),
        pair.ours.what,
        pair.ceiling.what,
        pair.frames,
        pair.ours.clock,
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """How much work a run does.

    Attributes:
        name: ``short``, for the gate, or ``full``.
        rounds: of each pair.
        clip: name of the clip that is decoded and redacted from end to end.
        frames: of it, at most.
        profiles: of redaction that are measured from end to end.
        peers: whether pairs that need another environment are measured too.
    """

    name: str
    rounds: int
    clip: str
    frames: int
    profiles: tuple[str, ...]
    peers: bool = False
