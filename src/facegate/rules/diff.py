"""What changes from one policy to another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from facegate.rules.model import Rules

_ABSENT: Final = "(not there)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two policies say differently.

    Attributes:
        what: its place in the file, as ``purposes.safety.geometry``.
        old: what the first says; None where it says nothing.
        new: what the second says.
    """

    what: str
    old: Any
    new: Any

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"what": self.what, "old": self.old, "new": self.new}

    def __str__(self) -> str:
        old, new = (_ABSENT if each is None else json.dumps(each) for each in (self.old, self.new))
        return f"{self.what}: {old} -> {new}"


def differences(old: Rules, new: Rules) -> list[Difference]:
    """All of them, by place."""
    before, after = dict(_leaves(old.as_dict())), dict(_leaves(new.as_dict()))
    return [
        Difference(what, before.get(what), after.get(what))
        for what in sorted(before.keys() | after.keys())
        if before.get(what) != after.get(what)
    ]


def _leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
