"""Faces as the worker holds them: handles without content. `expose` shows the content while its block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facegate.errors import AnalysisError
from facegate.memory.arena import LAYOUT
from facegate.memory.sealed import Sealed

if TYPE_CHECKING:
    from facegate.request import Request

SUBJECT_PRODUCTS = tuple(name for name, product in LAYOUT.items() if not product.per_face)


class FaceSet(Sealed):
    """The faces of one upload, largest first.

    A later `Request.analyze` takes its place in the arena; from then on this one raises `RequestClosedError`.

    Attributes:
        subject: the face that was meshed, or None.
    """

    __slots__ = ("_count", "_request", "analysis", "subject", "upload_id")

    def __init__(self, request: Request, upload_id: int, analysis: int, count: int, subject: int | None) -> None:
        self._request = request
        self._count = count
        self.upload_id = upload_id
        self.analysis = analysis
        self.subject: Face | None = None
        if subject is not None:
            self.subject = Face(self, subject, is_subject=True)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Face:
        if not -self._count <= index < self._count:
            raise IndexError("There is no face with that index.")
        index %= self._count
        return self.subject if self.subject is not None and self.subject.index == index else Face(self, index)

    def __iter__(self) -> Iterator[Face]:
        return (self[index] for index in range(self._count))

    @property
    def bystanders(self) -> list[Face]:
        """All faces but the subject's."""
        return [face for face in self if face is not self.subject]

    def expose(self, name: str) -> AbstractContextManager[NDArray[np.float32]]:
        """Look at what is known of every face; read-only, zeros after the block.

        Args:
            name: ``"boxes"``, (N, 4) float32, xyxy, pixels of the upright upload; or ``"confidence"``, (N,) float32,
                0 to 1.

        Raises:
            AnalysisError: there is no such product of all faces.
            RequestClosedError: the request is over, or another analysis took the arena.
        """
        if name not in LAYOUT or not LAYOUT[name].per_face:
            raise AnalysisError("A FaceSet exposes 'boxes' and 'confidence'; the rest is the subject's alone.")
        return self._request.expose_product(self, name, slice(0, self._count))

    def belongs_to(self, request: Request) -> bool:
        """Whether this came from that request."""
        return self._request is request

    def _row(self, name: str, index: int) -> AbstractContextManager[NDArray[np.float32]]:
        return self._request.expose_product(self, name, slice(index, index + 1) if name == "confidence" else index)

    def _whole(self, name: str) -> AbstractContextManager[NDArray[np.float32]]:
        return self._request.expose_product(self, name, slice(None))

    def __repr__(self) -> str:
        return f"[sealed FaceSet of {self._count}]"


class Face(Sealed):
    """One face of a `FaceSet`.

    Attributes:
        faces: the set.
        index: place in the set.
        is_subject: whether it was meshed.
    """

    __slots__ = ("faces", "index", "is_subject")

    def __init__(self, faces: FaceSet, index: int, *, is_subject: bool = False) -> None:
        self.faces = faces
        self.index = index
        self.is_subject = is_subject

    def expose(self, name: str) -> AbstractContextManager[NDArray[np.float32]]:
        """Look at one product; read-only float32, zeros after the block and after the request.

        Args:
            name: of every face ``"box"`` (4,), xyxy, pixels, and ``"confidence"`` (1,), 0-1. Of the subject also
                ``"landmarks"`` (478, 3), x and y in pixels, z on the scale of x, in mediapipe's order;
                ``"five_points"`` (5, 2), pixels; ``"pose"`` (3,), yaw, pitch, roll in degrees; ``"rotation"`` (3, 3);
                ``"embedding"`` (1404,), unit length, for linking frames of one request.

        Raises:
            AnalysisError: there is no such product, or this is a bystander, of whom only a box is ever computed.
            RequestClosedError: the request is over, or another analysis took the arena.
        """
        if name == "box":
            return self.faces._row("boxes", self.index)
        if name == "confidence":
            return self.faces._row("confidence", self.index)
        if name not in SUBJECT_PRODUCTS:
            raise AnalysisError(f"A face exposes 'box', 'confidence' and {', '.join(map(repr, SUBJECT_PRODUCTS))}.")
        if not self.is_subject:
            raise AnalysisError("This face is a bystander, of whom only 'box' and 'confidence' are ever computed.")
        return self.faces._whole(name)

    def __repr__(self) -> str:
        return f"[sealed Face {self.index}{', the subject' if self.is_subject else ''}]"
