"""What every handle to something facial refuses to do."""

from __future__ import annotations

from typing import Any, NoReturn

from facegate.errors import SealedError


class Sealed:
    """Mixin: no pickle, no copy, no conversion to an array, and nothing but ``[sealed …]`` in print.

    Does not protect against: code that copies the array inside `expose` on purpose.
    """

    __slots__ = ()

    def _refuse(self, what: str) -> NoReturn:
        raise SealedError(f"{self!r} cannot be {what}; use expose() for as long as you need to look at it.")

    def __reduce_ex__(self, _: Any) -> NoReturn:
        self._refuse("pickled")

    def __getstate__(self) -> NoReturn:
        self._refuse("pickled")

    def __copy__(self) -> NoReturn:
        self._refuse("copied")

    def __deepcopy__(self, _: Any) -> NoReturn:
        self._refuse("copied")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse("made into an array")

    def __repr__(self) -> str:
        return f"[sealed {type(self).__name__}]"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, _: str) -> str:
        return repr(self)
