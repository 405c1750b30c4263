"""Pairs are measured in turns, and their ratio and spread are what they say."""

from __future__ import annotations

import statistics
import time

import pytest

from benchmarks.suite.pairs import Pair, Result, Side, deviation, measure, timed


def result(ours: tuple[float, ...], ceiling: tuple[float, ...]) -> Result:
    return Result("group.name", ours, ceiling, "ours", "the ceiling", 10, "wall")


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    one = result((2.0, 4.0, 6.0, 8.0, 30.0), (1.0, 2.0, 3.0, 4.0, 5.0))
    assert one.ratio == 2.0
    assert one.best_ratio == 2.0


def test_a_drift_of_the_machine_moves_no_ratio() -> None:
    drift = (1.0, 1.5, 2.0, 2.5, 3.0)
    one = result(tuple(1.3 * each for each in drift), drift)
    assert one.ratio == pytest.approx(1.3)
    assert one.spread == pytest.approx(0.0, abs=1e-9)


def test_one_wild_round_moves_neither_estimate() -> None:
    one = result((1.2, 1.2, 1.2, 1.2, 90.0), (1.0, 1.0, 1.0, 1.0, 1.0))
    assert one.ratio == pytest.approx(1.2)
    assert one.best_ratio == pytest.approx(1.2)


def test_deviation_is_that_of_a_normal_distribution() -> None:
    values = [statistics.NormalDist(10, 2).inv_cdf((each + 0.5) / 1000) for each in range(1000)]
    assert deviation(values) == pytest.approx(2, rel=0.01)


def test_sides_take_turns_and_change_who_begins() -> None:
    turns: list[str] = []

    def side(name: str) -> Side:
        def run(runs: int) -> list[float]:
            turns.append(name)
            return [float(each + 1) for each in range(runs)]

        return Side(name, run)

    found = measure(Pair("group.name", side("ours"), side("ceiling"), rounds=5, runs=3))
    assert turns[:2] == ["ours", "ceiling"]  # both are warm before the first round
    assert turns[2:] == ["ours", "ceiling", "ceiling", "ours", "ours", "ceiling", "ceiling", "ours", "ours", "ceiling"]
    assert found.ours == found.ceiling == (1.0,) * 5  # the best of the three runs


def test_fewer_rounds_than_a_median_needs_are_refused() -> None:
    side = timed("nothing", lambda: None)
    with pytest.raises(ValueError, match=r"group\.name needs 5 rounds"):
        Pair("group.name", side, side, rounds=4, runs=1)


def test_two_clocks_are_refused() -> None:
    with pytest.raises(ValueError, match="two clocks: cpu and wall"):
        Pair("group.name", timed("", lambda: None), timed("", lambda: None, wall=True), rounds=5, runs=1)


def test_the_processors_time_leaves_waiting_out() -> None:
    def wait() -> None:
        time.sleep(0.05)

    assert timed("waits", wait).time(1)[0] < 0.03
    assert timed("waits", wait, wall=True).time(1)[0] >= 0.05
