"""What of a policy says how long media, outputs and logs are kept, and what people may decide about that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias, cast

from facegate.rules.duration import show
from facegate.rules.names import NAME
from facegate.rules.table import Table

Kind: TypeAlias = Literal["upload", "output", "log"]
KINDS: Final = ("upload", "output", "log")
# The General Data Protection Regulation, article 12 (3), gives a month; nobody is given longer than three.
ANSWER_WITHIN: Final = timedelta(days=30)
_LONGEST_ANSWER: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """One class of what is kept.

    Attributes:
        name: of the class, as ``history``.
        says: for people, one sentence: why it is kept.
        duration: from when it was put; a person's own setting may make it shorter.
        kinds: what may be put into it.
        purposes: for which it may be put and read; what is read for no purpose named here is refused.
        person_decides: whether the person's setting and the person's wish to delete count. Where the law or the safety
            of others keeps something, they do not, and it goes when its time is over.
    """

    name: str
    says: str
    duration: timedelta
    kinds: tuple[Kind, ...]
    purposes: tuple[str, ...]
    person_decides: bool = True

    def as_dict(self) -> dict[str, Any]:
        """In the layout of the file, without the name."""
        return {
            "says": self.says,
            "for": show(self.duration),
            "kinds": sorted(self.kinds),
            "purposes": sorted(self.purposes),
            "person-decides": self.person_decides,
        }


def read_keeping(whole: Table, purposes: Collection[str]) -> dict[str, Keeping]:
    """The tables ``[retention.<class>]`` of a file, by name; purposes are those that it names."""
    found: dict[str, Keeping] = {}
    for name, table in whole.table("retention").tables():
        if NAME.fullmatch(name) is None:
            table.fail("", "must be named by small letters, digits and hyphens.")
        found[name] = Keeping(
            name=name,
            says=table.text("says"),
            duration=table.duration("for"),
            kinds=cast("tuple[Kind, ...]", table.words("kinds", KINDS)),
            purposes=table.words("purposes", sorted(purposes)),
            person_decides=table.optional_flag("person-decides", default=True),
        )
        table.done()
    return found


def read_answer_within(whole: Table) -> timedelta:
    """The time in which people are answered, ``[rights] answer-within``."""
    rights = whole.table("rights")
    within = rights.optional_duration("answer-within", default=ANSWER_WITHIN)
    if within > _LONGEST_ANSWER:
        rights.fail("answer-within", f"must be {_LONGEST_ANSWER.days} days or less.")
    rights.done()
    return within
