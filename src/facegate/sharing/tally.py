"""What went to whom from one request, in counts."""

from __future__ import annotations

from facegate.categories import Category
from facegate.receipt import Shared


class Tally:
    """Counts what left; not thread-safe."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Category], tuple[int, int]] = {}

    def add(self, partner: str, category: Category, size: int) -> None:
        """One more thing of so many bytes."""
        count, total = self._counts.get((partner, category), (0, 0))
        self._counts[partner, category] = count + 1, total + size

    def counted(self) -> tuple[Shared, ...]:
        """By partner and category, sorted."""
        return tuple(
            Shared(partner=partner, category=category, count=count, bytes=total)
            for (partner, category), (count, total) in sorted(self._counts.items())
        )
