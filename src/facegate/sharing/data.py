"""Request data: words and settings, as JSON. Geometry is numbers, so numbers are few here."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, TypeAlias

from facegate.errors import SharingError

Json: TypeAlias = "str | int | float | bool | list[Json] | tuple[Json, ...] | dict[str, Json] | None"

# The smallest set of points that facegate makes is five of two numbers, and the next 16 (a transform): no list, with
# all that is in it, has room for them. A box, four numbers, fits; so does a size.
LIST_NUMBERS: Final = 8
# In all, wherever they are, those in texts included: settings have a dozen, blendshapes are 52.
ALL_NUMBERS: Final = 32
MOST_BYTES: Final = 64 << 10
_DEEPEST: Final = 16
_MOST_VALUES: Final = 4096
# Beyond these a whole number is a way to write many: JSON's readers agree on no larger ones.
_LARGEST: Final = 1 << 53
_DECIMAL: Final = re.compile(r"\d*\.\d+")


def to_json(value: object, request_id: str) -> bytes:
    """The data as it may leave: JSON, UTF-8, built anew, so that what the caller changes later does not change it.

    Args:
        value: None, True, False, a str, int or float, or lists, tuples and dicts (with str keys) of these. Exactly
            these types: a class made of one may hold what nobody sees.
        request_id: for errors.

    Raises:
        SharingError: it holds anything else, itself, too much, or as many numbers as geometry has.
    """
    data = json.dumps(_Copy(request_id).of(value), ensure_ascii=False, allow_nan=False).encode()
    if len(data) > MOST_BYTES:
        raise SharingError(f"request-data has at most {MOST_BYTES} bytes as JSON.", request_id=request_id)
    return data


class _Copy:
    """Copies one structure, and counts what is in it."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._numbers = self._values = 0
        self._above: list[int] = []
        # In how many lists the walk is now, and how many numbers there were since it came into the outermost.
        self._lists = self._listed = 0

    def of(self, value: Any) -> Any:
        """The copy."""
        self._values += 1
        if self._values > _MOST_VALUES:
            self._fail(f"request-data has at most {_MOST_VALUES} values.")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind in {int, float}:
            return self._number(value)
        if kind is str:
            return self._text(value)
        if kind in {list, tuple, dict}:
            return self._container(value)
        self._fail("request-data is JSON: str, int, float, bool, None, and lists, tuples and dicts of these.")
        return None

    def _container(self, value: Any) -> Any:
        if id(value) in self._above:
            self._fail("The payload contains itself.")
        if len(self._above) >= _DEEPEST:
            self._fail(f"request-data is nested at most {_DEEPEST} deep.")
        self._above.append(id(value))
        if isinstance(value, dict):
            made: Any = {self._key(key): self.of(each) for key, each in list(value.items())}
        else:
            self._listed = self._listed if self._lists else 0
            self._lists += 1
            made = [self.of(each) for each in list(value)]
            self._lists -= 1
        self._above.pop()
        return made

    def _key(self, key: Any) -> str:
        if type(key) is not str:
            self._fail("The keys of request-data are str.")
        return self._text(key)

    def _text(self, value: str) -> str:
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            self._fail("Texts of request-data must be Unicode, without halves of pairs.")
        try:
            float(value)
        except ValueError:
            # A prompt has weights in it, so these count in all, not against the list that it may be in.
            self._count_all(sum(1 for _ in _DECIMAL.finditer(value)))
        else:
            self._count()
        return value

    def _number(self, value: float) -> float:
        if not math.isfinite(value) or (type(value) is int and abs(value) > _LARGEST):
            self._fail("Numbers of request-data are finite, and whole ones at most 2**53.")
        self._count()
        return value

    def _count(self) -> None:
        self._listed = self._listed + 1 if self._lists else 0
        if self._listed > LIST_NUMBERS:
            self._fail(f"A list of request-data, with all that is in it, has at most {LIST_NUMBERS} numbers.")
        self._count_all(1)

    def _count_all(self, more: int) -> None:
        self._numbers += more
        if self._numbers > ALL_NUMBERS:
            self._fail(f"request-data has at most {ALL_NUMBERS} numbers: more would have room for geometry.")

    def _fail(self, sentence: str) -> None:
        raise SharingError(sentence, request_id=self._request_id)
