"""Arrays that adapters make of geometry: whose they are, and when they read zeros."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from facegate.errors import AnalysisError, RequestClosedError, ShapeError
from facegate.faces import Face

if TYPE_CHECKING:
    from facegate.request import Request

Array = TypeVar("Array", bound=NDArray[Any])

# No canvas is larger than what an upload may be: a size by mistake must not take the worker's memory.
_LONGEST_SIDE = 16_384


class Scratch:
    """Arrays of the way from geometry to a product: zeroed when the block ends, however it ends.

    Does not protect against: what numpy makes and frees within one expression, which no one can reach.
    """

    def __init__(self) -> None:
        self._held: list[NDArray[Any]] = []

    def __call__(self, array: Array) -> Array:
        """Take an array that was made of geometry; the same object is returned."""
        self._held.append(array)
        return array

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Zero everything that was taken."""
        while self._held:
            self._held[-1][...] = 0
            self._held.pop()


class Loan:
    """Arrays of a request that are lent for one ``with`` block, and read zeros as soon as it, or the request, ends.

    Args:
        request: adopts them, so that purge zeroes them also when the block never ends.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._scratch = Scratch()
        self._over = False

    @property
    def request(self) -> Request:
        """The one that they are of."""
        return self._request

    def copy(self, array: NDArray[Any]) -> NDArray[Any]:
        """A writable copy of what `expose` shows.

        Raises:
            RequestClosedError: the block or the request is over.
        """
        self.check()
        # Adopted while it is empty: there is no moment at which content is in memory that nobody will zero.
        made = self._scratch(self._request.adopt(np.zeros(array.shape, array.dtype)))
        made[...] = array
        return made

    def take(self, array: Array) -> Array:
        """What the caller made of it, to read zeros when the rest does; the same object is returned.

        Raises:
            AdoptionError: zeros would not erase it.
        """
        return self._scratch(self._request.adopt(array))

    def check(self) -> None:
        """Raise unless the block and the request are open.

        Raises:
            RequestClosedError: one of them is over.
        """
        if self._over:
            raise RequestClosedError(
                "The block in which this face was lent is over.", request_id=self._request.request_id
            )
        self._request._open_custody()

    def end(self) -> None:
        """Zero all that was lent; idempotent."""
        self._over = True
        self._scratch.wipe()


def request_of(face: Face) -> Request:
    """The request that a face is of.

    Raises:
        AnalysisError: it is no face of facegate.
    """
    if not isinstance(face, Face):
        raise AnalysisError("An adapter takes a face of facegate, as Request.analyze gives it: faces.subject.")
    return face.faces._request


def empty(face: Face, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Zeros that belong to the face's request, to be filled with what is handed out."""
    return request_of(face).adopt(np.zeros(shape, dtype))


def copied(face: Face, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A product of a face as a writable array of the request.

    Args:
        face: the subject.
        name: what `Face.expose` takes.
        shape: to hand it out in.
    """
    made = empty(face, shape, np.float32)
    with face.expose(name) as shown:
        made[...] = shown.reshape(shape)
    return made


def canvas_size(face: Face, size_wh: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height of what is to be drawn.

    Args:
        face: of the request.
        size_wh: another size than the upload's, to which the points are scaled; None is the upload's.

    Raises:
        ShapeError: the size is none.
    """
    request_of(face)
    width, height = face.faces.size_wh if size_wh is None else size_wh
    for side in (width, height):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= _LONGEST_SIDE:
            raise ShapeError(
                f"size_wh must be two whole numbers from 1 to {_LONGEST_SIDE}: width and height in pixels."
            )
    return width, height
