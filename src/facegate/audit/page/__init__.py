"""The audit as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from typing import Any

from facegate import page
from facegate.audit.page import charts

_VERDICTS = {"verified": "verified by these checks", "failed": "failed", "not verified": "not verified"}


def render(report: dict[str, Any], key_id: str) -> str:
    """The page.

    Args:
        report: what `facegate.audit.report.Audit.as_dict` gives.
        key_id: of the key that signs report and page, for the reader to compare.
    """
    return page.render(
        "facegate.audit.page",
        "report.html",
        report=report,
        key_id=key_id,
        verdicts=_VERDICTS,
        residue=charts.residue_bars(report["residue"]),
        purges=charts.histogram(report["residue"]["purge_ms"]),
        grid=charts.grid(report["faults"]),
    )
