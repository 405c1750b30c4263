"""On which line of a TOML file a table or a key stands; `tomllib` does not say.

For files that `tomllib` has read without complaint, so this need not find mistakes, only places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str, ...]

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE: Final = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_KEY: Final = re.compile(rf"\s*({_DOTTED})\s*=")
_QUOTES: Final = re.compile(r'"""|' + "'''")


def lines_of(text: str) -> dict[Path, int]:
    """Line numbers, from 1, of every table's header and every key, by its path."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in _outside_of_texts(text):
        if header := _TABLE.match(line):
            table = _parts(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_parts(key[1]))
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
    return found


def _outside_of_texts(text: str) -> Iterator[tuple[int, str]]:
    """Lines that do not begin within a text of several lines."""
    within = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not within:
            yield number, line
        for quotes in _QUOTES.findall(line):
            within = quotes if not within else "" if quotes == within else within


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
