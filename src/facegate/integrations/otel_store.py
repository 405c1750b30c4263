"""What a retention store holds, as OpenTelemetry's gauges: ``observe_store(store)``.

Takes the extra ``otel``, which is OpenTelemetry's API alone. No person, request, asset or label is in a figure or an
attribute; attributes are classes of the policy and kinds of wishes, so there are few series.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from facegate.retention import RetentionStore
    from facegate.retention.figures import Figures

# Seconds. Every gauge is asked by itself when figures are collected, and they all answer from one count.
_FRESH: Final = 5.0
_Points: TypeAlias = list[tuple[int, dict[str, str]]]


def observe_store(store: RetentionStore, meter: Meter | None = None) -> None:
    """Have a store counted whenever the worker's SDK collects; the store must stay open as long.

    Gauges, all named ``facegate.retention.``: ``assets``, ``bytes``, ``overdue``, ``oldest`` (age in seconds) and
    ``held``, each with the attribute ``class``; ``holds``; ``unfinished``, past its lease; ``wishes`` and
    ``wishes.overdue`` with ``wish``; ``people``. One counting takes some seconds for a million assets.

    Args:
        store: of which; one of many workers observes it, not all of them.
        meter: whose instruments; by default the global provider's.

    Raises:
        ImportError: the extra ``otel`` is not installed.
    """
    from opentelemetry.metrics import Observation, get_meter  # noqa: PLC0415

    if meter is None:
        meter = get_meter("facegate")
    latest = _Latest(store)

    def observed(points: Callable[[Figures], _Points]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        # Where the store cannot be reached this raises; the SDK logs that, and no point is better than a wrong one.
        return lambda _: [Observation(value, attributes) for value, attributes in points(latest.figures())]

    for name, unit, description, points in _GAUGES:
        meter.create_observable_gauge(f"facegate.retention.{name}", [observed(points)], unit, description)


class _Latest:
    """Figures that are counted once for all gauges of a collection."""

    def __init__(self, store: RetentionStore) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._found: tuple[float, Figures] | None = None

    def figures(self) -> Figures:
        with self._guard:
            now = time.monotonic()
            if self._found is None or now - self._found[0] > _FRESH:
                self._found = now, self._store.figures()
            return self._found[1]


_GAUGES: Final[tuple[tuple[str, str, str, Callable[[Figures], _Points]], ...]] = (
    (
        "assets",
        "{asset}",
        "Assets that are kept.",
        lambda found: [(each.count, {"class": each.kept_as}) for each in found.classes],
    ),
    (
        "bytes",
        "By",
        "Content that is kept.",
        lambda found: [(each.bytes, {"class": each.kept_as}) for each in found.classes],
    ),
    (
        "overdue",
        "{asset}",
        "Assets whose time is over, not held and not deleted yet.",
        lambda found: [(each.overdue, {"class": each.kept_as}) for each in found.classes],
    ),
    (
        "oldest",
        "s",
        "Age of the oldest asset.",
        lambda found: [
            (int(each.oldest.total_seconds()), {"class": each.kept_as})
            for each in found.classes
            if each.oldest is not None
        ],
    ),
    (
        "held",
        "{asset}",
        "Assets that a legal hold keeps.",
        lambda found: [(each.held, {"class": each.kept_as}) for each in found.classes],
    ),
    ("holds", "{hold}", "Legal holds in force.", lambda found: [(found.holds.count, {})]),
    (
        "unfinished",
        "{asset}",
        "Puts and deletions past their lease.",
        lambda found: [(found.unfinished.writing_past + found.unfinished.deleting_past, {})],
    ),
    (
        "wishes",
        "{wish}",
        "People's wishes that wait for an answer.",
        lambda found: [(each.count, {"wish": each.wish}) for each in found.wishes],
    ),
    (
        "wishes.overdue",
        "{wish}",
        "Wishes whose day is past.",
        lambda found: [(each.overdue, {"wish": each.wish}) for each in found.wishes],
    ),
    ("people", "{person}", "People whom the store knows.", lambda found: [(found.people, {})]),
)
