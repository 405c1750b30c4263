"""Figures as people read them."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")


def number(value: int) -> str:
    """With a comma between thousands."""
    return f"{value:,}"


def count(value: int, one: str, many: str | None = None) -> str:
    """A number and its noun."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def size(value: int) -> str:
    """Bytes, in the largest unit that leaves 1 or more."""
    amount, unit = float(value), ""
    for each in _UNITS:
        if amount < 1024:
            break
        amount, unit = amount / 1024, each
    return f"{amount:,.1f} {unit}" if unit else count(value, "byte")


def age(seconds: int | None) -> str:
    """A duration in its largest unit, rounded down; a dash for none."""
    if seconds is None:
        return "–"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return count(seconds // length, unit)
    return count(seconds, "second")


def when(text: str | None) -> str:
    """A time of the JSON, to the minute; a dash for none."""
    return "–" if text is None else f"{text[:10]} {text[11:16]} UTC"
