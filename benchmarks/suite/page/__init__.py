"""The history of runs as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.suite.page import charts

_HERE = Path(__file__).parent


def render(runs: Sequence[dict[str, Any]]) -> str:
    """The page.

    Args:
        runs: as `benchmarks.suite.report.load` gives them, oldest first, at least one.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        style=style,
        runs=runs,
        last=runs[-1],
        groups=charts.charts(runs),
        series=charts.series_of(runs),
        latest=charts.latest(runs[-1]),
    )
