"""Acts for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from facegate.receipt import Act

NOW = datetime(2026, 3, 4, 5, 6, 7, 891000, UTC)
STORE, ASSET, DEMAND = "5a" * 16, "a5" * 16, "de" * 16


def act(**changes: Any) -> Act:
    """An act with every field filled."""
    fields: dict[str, Any] = {
        "act": "deleted",
        "who": "service:retention",
        "why": "erasure-request",
        "at": NOW,
        "count": 3,
        "bytes": 123_456,
        "store": STORE,
        "asset": ASSET,
        "request": "req-7f3a",
        "demand": DEMAND,
        "kept": 1,
    }
    return Act(**fields | changes)


def acts(number: int, **changes: Any) -> list[Act]:
    """So many that can be told apart: their `count` is their place."""
    return [act(**{"count": each} | changes) for each in range(number)]
