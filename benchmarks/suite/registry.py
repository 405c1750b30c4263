"""What there is to measure, and the two profiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Final

from benchmarks.suite.pairs import LEAST_ROUNDS, Pair, Profile

# A module `benchmarks.suite.GROUP` each, with a function `pairs`; in the order of measuring.
GROUPS: Final = ("kernels", "detection", "mesh", "decode", "lifecycle", "endtoend")

PROFILES: Final = {
    # For the gate: less work, but never fewer rounds than a median needs.
    "short": Profile("short", LEAST_ROUNDS, "varied_1", 45, ("fast", "balanced")),
    "full": Profile("full", 9, "bench_10s", 300, ("fast", "balanced", "thorough")),
}


class UnknownBenchmarkError(ValueError):
    """A name fits no group and no benchmark."""


def select(profile: Profile, only: Sequence[str] = ()) -> Iterator[Pair]:
    """The pairs of a profile, set up one group after the other.

    Args:
        profile: how much work.
        only: names of groups or of pairs; all if there are none.

    Raises:
        UnknownBenchmarkError: a name fits nothing, which is known at the end of the iteration.
    """
    left = set(only)
    for group in GROUPS:
        wanted = [each for each in only if each.partition(".")[0] == group]
        if only and not wanted:
            continue
        for pair in import_module(f"benchmarks.suite.{group}").pairs(profile):
            names = {group, pair.name}
            if only and names.isdisjoint(wanted):
                continue
            left -= names
            yield pair
    if left:
        raise UnknownBenchmarkError(f"There is no benchmark {', '.join(sorted(left))}; groups are {', '.join(GROUPS)}.")
