"""A run as JSON, its history, and the page that plots it."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite import host, report
from benchmarks.suite.page import charts, render
from benchmarks.suite.pairs import Result


def run_of(ratio: float, *, profile: str = "short") -> dict[str, Any]:
    ours = tuple(ratio * each for each in (1.0, 1.1, 1.2, 1.1, 1.0))
    results = [
        Result("kernels.solid", ours, (1.0, 1.1, 1.2, 1.1, 1.05), "redact_frame", "memory copy", 0, "cpu"),
        Result("endtoend.fast", ours, (1.0, 1.1, 1.2, 1.1, 1.0), "facegate <fast> & more", "transcode", 300, "wall"),
    ]
    return report.build(profile, host.facts(), results)


def test_a_run_is_what_the_schema_says() -> None:
    run = run_of(2.0)
    assert report.check(run) is run
    assert run["results"][0]["ratio"] == pytest.approx(2.0, rel=0.05)
    assert run["host"]["versions"]["numpy"]
    assert run["host"]["cores"] >= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.pop("host"), "host must be dict"),
        (lambda run: run.update(schema=99), "schema 99"),
        (lambda run: run["results"][0].pop("ratio"), "kernels.solid: ratio must be float"),
        (lambda run: run["results"][0]["ours"].update(median_s="1"), "kernels.solid.ours: median_s must be float"),
        (lambda run: run["results"][0]["ceiling"]["rounds_s"].pop(), "needs 5 rounds"),
        (lambda run: run["results"].append(run["results"][0]), "have one name"),
    ],
)
def test_what_is_no_run_is_refused(change: Any, message: str) -> None:
    run = copy.deepcopy(run_of(2.0))
    change(run)
    with pytest.raises(ValueError, match=message):
        report.check(run)


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert report.load(path) == []
    runs = [run_of(2.0), run_of(2.1)]
    for each in runs:
        report.append(path, each)
    assert report.load(path) == runs


def test_the_page_refers_to_nothing_outside() -> None:
    page = render([run_of(2.0), run_of(2.2), run_of(3.0, profile="full")])
    assert not re.search(r"(?:src=|href|url\(|@import|https?:|//[a-z])", page.replace("<!doctype html>", ""))
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg") == 2


def test_names_are_escaped() -> None:
    page = render([run_of(2.0)])
    assert "facegate &lt;fast&gt; &amp; more" in page
    assert "facegate <fast>" not in page


def test_points_of_one_profile_are_joined_and_lie_in_the_chart() -> None:
    runs = [run_of(2.0), run_of(4.0), run_of(3.0, profile="full"), run_of(1.0)]
    ((_, kernels), (_, endtoend)) = charts.charts(runs)
    (chart,) = kernels
    assert [point.series for point in chart.points] == [0, 0, 1, 0]
    assert [number for number, _ in chart.lines] == [0, 1]
    assert len(chart.lines[0][1].split()) == 3
    for point in chart.points:
        assert 0 <= point.y <= charts.HEIGHT
        assert 0 <= point.x <= charts.WIDTH
    # Slower is higher.
    assert chart.points[1].y < chart.points[0].y < chart.points[3].y
    assert endtoend[0].name == "endtoend.fast"


def test_frames_per_second_are_of_the_median() -> None:
    row = charts.latest(run_of(2.0))[1]
    assert row["fps"] == pytest.approx(300 / 2.2)
    assert row["share"] == pytest.approx(0.5)
