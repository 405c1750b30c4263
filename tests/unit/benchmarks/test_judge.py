"""What the gate decides, at and beside its margins."""

from __future__ import annotations

import pytest

from benchmarks.suite.judge import LEAST_MARGIN, MOST_MARGIN, STRANGER, baseline, judge, missing
from benchmarks.suite.pairs import Result

ROW = {"ratio": 2.0, "best_ratio": 2.0, "spread": 0.02, "margin": 0.10, "gated": True}


def result(ratio: float, best: float | None = None, name: str = "kernels.solid") -> Result:
    """Five rounds with this median of ratios, and this ratio of best rounds."""
    best = ratio if best is None else best
    ours = (best, ratio, ratio, ratio, ratio) if best <= ratio else (best, best, best, best, best)
    ceiling = (1.0,) * 5 if best <= ratio else (1.0, best / ratio, best / ratio, best / ratio, best / ratio)
    one = Result(name, ours, ceiling, "ours", "the ceiling", 0, "cpu")
    assert one.ratio == pytest.approx(ratio)
    assert one.best_ratio == pytest.approx(best)
    return one


@pytest.mark.parametrize(
    ("ratio", "fails"), [(1.0, False), (2.0, False), (2.199, False), (2.201, True), (2.4, True), (200.0, True)]
)
def test_past_the_margin_is_past(ratio: float, fails: bool) -> None:
    verdict = judge(result(ratio), {"kernels.solid": ROW}, stranger=False)
    assert (verdict.problem is not None) == fails
    assert verdict.slower == pytest.approx(ratio / 2 - 1)


@pytest.mark.parametrize(("ratio", "best"), [(2.5, 2.0), (2.0, 2.5)])
def test_what_only_one_estimate_says_is_noise(ratio: float, best: float) -> None:
    assert judge(result(ratio, best), {"kernels.solid": ROW}, stranger=False).problem is None


def test_a_slowdown_of_a_fifth_is_past_the_widest_margin() -> None:
    row = ROW | {"margin": MOST_MARGIN}
    assert "+20.0%, allowed is 15.0%" in str(judge(result(2.4), {"kernels.solid": row}, stranger=False).problem)


def test_on_another_host_margins_are_wider() -> None:
    assert judge(result(2.4), {"kernels.solid": ROW}, stranger=True).problem is None
    past = 2 * (1 + STRANGER * ROW["margin"] + 0.01)
    assert judge(result(past), {"kernels.solid": ROW}, stranger=True).problem is not None


def test_what_is_watched_only_does_not_fail() -> None:
    verdict = judge(result(9.0), {"kernels.solid": ROW | {"gated": False}}, stranger=False)
    assert verdict.problem is None
    assert not verdict.gated


def test_what_is_not_in_the_baseline_fails() -> None:
    assert "not in the baseline" in str(judge(result(2.0, name="kernels.new"), {}, stranger=False).problem)


def test_what_is_gone_is_missed() -> None:
    assert missing(["kernels.solid"], {"kernels.solid": ROW, "mesh.faces_1": ROW}) == ["mesh.faces_1"]


@pytest.mark.parametrize(
    ("ratios", "margin", "gated"),
    [
        ((2.0, 2.0, 2.0), LEAST_MARGIN, True),
        ((1.94, 2.0, 2.06), 1.5 * 0.06, True),
        ((1.91, 2.0, 2.09), 1.5 * 0.09, True),
        ((1.8, 2.0, 2.1), MOST_MARGIN, False),
    ],
)
def test_margins_come_from_what_runs_differed_by(ratios: tuple[float, ...], margin: float, gated: bool) -> None:
    row = baseline([[result(each)] for each in ratios])["kernels.solid"]
    assert row["ratio"] == pytest.approx(2.0)
    assert row["margin"] == pytest.approx(margin)
    assert row["gated"] is gated


def test_two_runs_are_no_baseline() -> None:
    with pytest.raises(ValueError, match="at least three runs"):
        baseline([[result(2.0)], [result(2.0)]])
