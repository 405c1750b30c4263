"""One protection, and the change to the sources that takes it away."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutation:
    """A protection and how to take it away.

    Attributes:
        name: unique, in a few words.
        file: below ``src/facegate``.
        old: text that occurs in it exactly once.
        new: what takes its place.
        tests: files or test IDs of pytest, at least one of which must then fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, source: Path) -> None:
        """Change the file below `source`, the folder that holds the package.

        Raises:
            ValueError: the text is not there, or more than once: the table is older than the code.
        """
        path = source / "facegate" / self.file
        content = path.read_text(encoding="utf-8")
        if content.count(self.old) != 1:
            raise ValueError(f"{self.name}: the text occurs {content.count(self.old)} times in {self.file}.")
        path.write_text(content.replace(self.old, self.new), encoding="utf-8")


def load() -> list[Mutation]:
    """The table."""
    text = Path(__file__).with_name("table.toml").read_text(encoding="utf-8")
    return [Mutation(**row | {"tests": tuple(row["tests"])}) for row in tomllib.loads(text)["mutation"]]
