"""What a fuzzer must be able to do."""

from __future__ import annotations

import random
from typing import Any, Protocol


class Target(Protocol):
    """Something that takes hostile input.

    Attributes:
        name: key of `tests.fuzz.targets.TARGETS`.
        follow: part of the path of the files whose coverage guides the mutations; empty for none.
    """

    name: str
    follow: str

    def seeds(self) -> dict[str, Any]:
        """Sound inputs by name, the same in every process."""

    def mutate(self, value: Any, rng: random.Random) -> Any:
        """A damaged copy; depends on the value and `rng` alone."""

    def run(self, value: Any) -> str:
        """Take the input; returns one word for what came of it and raises only if that must not happen."""
