"""How long something lasts, as a policy file writes it: ``"30 days"``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_FORM: Final = re.compile(r"([1-9][0-9]{0,8}) (minute|hour|day|week)s?")
# Longer than anybody lives, so it cannot be meant; and every sum with it is a date that databases and people can write.
LONGEST: Final = timedelta(days=36500)


def parse(text: object) -> timedelta | None:
    """The duration that a text says, or None if it says none.

    Months and years are none: they differ in length, and what is deleted on a day must be sure of the day.
    """
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    # timedelta itself overflows above 999999999 days.
    number, unit = int(found[1]), found[2]
    seconds = number * {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}[unit]
    return timedelta(seconds=seconds) if seconds <= LONGEST.total_seconds() else None


def show(duration: timedelta) -> str:
    """The same in the largest unit that divides it, as `parse` reads it."""
    seconds = int(duration.total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0 and seconds >= length:
            number = seconds // length
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds} seconds"
