"""A run as JSON, and the history of runs: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.suite.pairs import LEAST_ROUNDS, Result

SCHEMA: Final = 1
_RUN = {"schema": int, "taken": str, "profile": str, "host": dict, "results": list}
_RESULT = {
    "name": str,
    "ratio": float,
    "best_ratio": float,
    "spread": float,
    "frames": int,
    "clock": str,
    "ours": dict,
    "ceiling": dict,
}
_SIDE = {"what": str, "median_s": float, "best_s": float, "spread": float, "rounds_s": list}


def build(profile: str, facts: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """A run.

    Args:
        profile: its name.
        facts: from `benchmarks.suite.host.facts`, taken before the first round.
        results: in the order of measuring.
    """
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [each.as_dict() for each in results]
    return {"schema": SCHEMA, "taken": taken, "profile": profile, "host": facts, "results": rows}


def check(run: dict[str, Any]) -> dict[str, Any]:
    """The run itself, if it is one.

    Raises:
        ValueError: something is missing, of another type, or cannot be; the message says what.
    """
    _fields(run, _RUN, "the run")
    if run["schema"] != SCHEMA:
        raise ValueError(f"The run has schema {run['schema']}, this reads {SCHEMA}.")
    names = [row.get("name") for row in run["results"]]
    if len(names) != len(set(names)):
        raise ValueError("Two results of the run have one name.")
    for row in run["results"]:
        _fields(row, _RESULT, f"result {row.get('name')}")
        for side in ("ours", "ceiling"):
            _fields(row[side], _SIDE, f"{row['name']}.{side}")
            if len(row[side]["rounds_s"]) < LEAST_ROUNDS or min(row[side]["rounds_s"]) <= 0:
                raise ValueError(f"{row['name']}.{side} needs {LEAST_ROUNDS} rounds that took time.")
    return run


def _fields(part: dict[str, Any], kinds: dict[str, type], where: str) -> None:
    for name, kind in kinds.items():
        if not isinstance(part.get(name), kind):
            raise ValueError(f"{where}: {name} must be {kind.__name__}, got {type(part.get(name)).__name__}.")  # noqa: TRY004


def append(path: Path, run: dict[str, Any]) -> None:
    """Add a run to a history."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(check(run), separators=(",", ":")) + "\n")


def load(path: Path) -> list[dict[str, Any]]:
    """The runs of a history, oldest first; none if there is no such file."""
    if not path.exists():
        return []
    return [check(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]
