"""Reads one table of a policy file: typed, nothing left over, and each mistake is one sentence with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar, cast

from facegate.errors import PolicyFileError
from facegate.rules import duration
from facegate.rules.lines import Path
from facegate.showable import is_showable

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class File:
    """Where a policy comes from.

    Attributes:
        name: for the sentences.
        lines: of each path.
    """

    name: str
    lines: Mapping[Path, int]

    def fail(self, path: Path, sentence: str) -> NoReturn:
        """Raise for what stands at the path, or for what is missing there."""
        known = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in self.lines), ())
        line = self.lines.get(known)
        raise PolicyFileError(f"{self.name}{'' if line is None else f', line {line}'}: {'.'.join(path)} {sentence}")


class Table:
    """One table; what is not asked for before `done` is unknown.

    Args:
        content: as tomllib reads it.
        path: of the table; empty for the file.
        file: that it is in.
    """

    def __init__(self, content: Mapping[str, Any], path: Path, file: File) -> None:
        self._content = dict(content)
        self._asked: list[str] = []
        self._path = path
        self._file = file

    def has(self, key: str) -> bool:
        """Whether there is such a key, which is known from now on."""
        self._asked.append(key)
        return key in self._content

    def text(self, key: str) -> str:
        """A text of one line that may be shown."""
        value: str = self._get(key)
        return value if is_showable(value) else self.fail(key, "must be a text of one line.")

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number."""
        self._get(key)
        return cast("int", self.optional_whole(key, least, most))

    def optional_whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number, or None where it is missing."""
        self._asked.append(key)
        value = self._content.get(key)
        if key in self._content and (type(value) is not int or not least <= value <= most):
            self.fail(key, f"must be a whole number from {least} to {most}.")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._get(key)
        return value if isinstance(value, bool) else self.fail(key, "must be true or false.")

    def optional_flag(self, key: str, *, default: bool) -> bool:
        """True or false; the default where it is missing."""
        return self.flag(key) if key in self._content else self._default(key, default)

    def duration(self, key: str) -> timedelta:
        """A length of time."""
        found = duration.parse(self._get(key))
        most = duration.show(duration.LONGEST)
        return found if found is not None else self.fail(key, f"must be as '30 days' or '12 hours', {most} at most.")

    def optional_duration(self, key: str, *, default: timedelta) -> timedelta:
        """A length of time; the default where it is missing."""
        return self.duration(key) if key in self._content else self._default(key, default)

    def word(self, key: str, words: Sequence[str], *, default: str) -> str:
        """One of some words; the default where it is missing."""
        self._asked.append(key)
        value: str = self._content.get(key, default)
        return value if value in words else self.fail(key, f"must be one of {', '.join(words)}.")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts of one line that may be shown: one at least, none twice."""
        value = self._get(key)
        if not isinstance(value, list) or not value or not all(map(is_showable, value)):
            self.fail(key, "must be a list of texts of one line, at least one.")
        for each in value:
            if value.count(each) > 1:
                self.fail(key, f"has {each} twice.")
        return tuple(value)

    def words(self, key: str, words: Sequence[str]) -> tuple[str, ...]:
        """A list out of some words: one at least, none twice."""
        found = self.texts(key)
        return found if set(found) <= set(words) else self.fail(key, f"must be a list out of {', '.join(words)}.")

    def day(self, key: str) -> date:
        """A date, without a time."""
        value: date = self._get(key)
        good = isinstance(value, date) and not isinstance(value, datetime)
        return value if good else self.fail(key, "must be a date, as 2026-01-31, without quotes.")

    def table(self, key: str) -> Table:
        """A table below this one; an empty one where it is missing."""
        self._asked.append(key)
        value = self._content.get(key, {})
        if not isinstance(value, dict):
            self.fail(key, "must be a table.")
        return Table(value, (*self._path, key), self._file)

    def tables(self) -> Iterator[tuple[str, Table]]:
        """All that is below this one, which must be tables."""
        for key in list(self._content):
            yield key, self.table(key)

    @property
    def keys(self) -> list[str]:
        """All keys that there are."""
        return list(self._content)

    def done(self) -> None:
        """Raise for the first key that nobody asked for."""
        for key in self._content:
            if key not in self._asked:
                near = get_close_matches(key, self._asked, 1)
                meant = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(set(self._asked)))}."
                self.fail(key, f"is unknown{meant}")

    def fail(self, key: str, sentence: str) -> NoReturn:
        """Raise for a key."""
        self._file.fail((*self._path, key) if key else self._path, sentence)

    def _default(self, key: str, default: _Value) -> _Value:
        self._asked.append(key)
        return default

    def _get(self, key: str) -> Any:
        self._asked.append(key)
        if key not in self._content:
            self.fail(key, "is missing.")
        return self._content[key]
