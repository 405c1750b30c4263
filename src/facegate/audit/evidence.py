"""What a promise rests on: one observation each, and whether the instrument behind it was shown to work."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["verified", "failed", "not verified"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation.

    Attributes:
        what: was looked at, in one sentence.
        holds: whether what was seen is as promised; None where it could not be looked at.
        seen: figures, names; never anything of a person.
        control: what was done on purpose so that the instrument had something to see.
        control_fired: whether it saw it.
    """

    what: str
    holds: bool | None
    seen: str
    control: str
    control_fired: bool

    @property
    def verdict(self) -> Verdict:
        """A failure is one whatever the control did; without the control nothing is verified."""
        if self.holds is False:
            return "failed"
        return "verified" if self.holds and self.control_fired else "not verified"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"verdict": self.verdict}


def together(evidence: tuple[Evidence, ...]) -> Verdict:
    """The verdict on what rests on all of these; nothing rests on nothing."""
    verdicts = {each.verdict for each in evidence} or {"not verified"}
    if "failed" in verdicts:
        return "failed"
    return "not verified" if "not verified" in verdicts else "verified"
