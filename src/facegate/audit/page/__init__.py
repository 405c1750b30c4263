"""The audit as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from facegate.audit.page import charts

_VERDICTS = {"verified": "verified by these checks", "failed": "failed", "not verified": "not verified"}


def render(report: dict[str, Any], key_id: str) -> str:
    """The page.

    Args:
        report: what `facegate.audit.report.Audit.as_dict` gives.
        key_id: of the key that signs report and page, for the reader to compare.
    """
    # Everything is escaped: names of files and processes come from the host.
    environment = Environment(
        loader=PackageLoader("facegate.audit.page", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        report=report,
        key_id=key_id,
        style=style,
        verdicts=_VERDICTS,
        residue=charts.residue_bars(report["residue"]),
        purges=charts.histogram(report["residue"]["purge_ms"]),
        grid=charts.grid(report["faults"]),
    )
