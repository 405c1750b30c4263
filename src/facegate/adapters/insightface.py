"""insightface: an object like `insightface.app.common.Face`, and one like `FaceAnalysis` that makes them, for a block.

Keys, shapes, dtypes and signs are insightface's (python-package 2.1, MIT). What is not there behaves as there: a
missing attribute is None, a missing key raises KeyError. Gender and age are never there: facegate does not guess them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from facegate.adapters.bitmap import bitmap
from facegate.adapters.insightface_face import LentFace
from facegate.adapters.lent import Loan, Scratch, request_of
from facegate.arguments import Subject
from facegate.errors import AnalysisError, RequestClosedError
from facegate.faces import Face, FaceSet
from facegate.media import ImageUpload
from facegate.quiet import quiet
from facegate.request import Request


class FaceAnalysis:
    """In the place of `insightface.app.FaceAnalysis`, for the length of a ``with`` block in a request.

    ```python
    with FaceAnalysis(request) as app:
        faces = app.get(bgr)
    ```

    Args:
        request: open.
        subject: who gets points and an embedding; all others get a box and a score.

    Raises:
        AnalysisError: it is no request.

    Does not protect against: copies that the block makes.
    """

    def __init__(self, request: Request, *, subject: Subject = "largest") -> None:
        if not isinstance(request, Request):
            raise AnalysisError("FaceAnalysis takes an open request of facegate: it has no models of its own to name.")
        self._request = request
        self._subject = subject
        self._loan: Loan | None = None
        self._threshold = 0.0

    def prepare(self, ctx_id: int = 0, det_thresh: float = 0.5, det_size: object = None) -> None:
        """Taken as insightface takes it.

        Args:
            ctx_id: without meaning here: the child has no device.
            det_thresh: faces with a lower score are left out.
            det_size: without meaning here: the detector looks at the picture in the sizes that it needs.
        """
        del ctx_id, det_size
        self._threshold = float(det_thresh)

    def __enter__(self) -> Self:
        if self._loan is not None:
            raise RequestClosedError("A FaceAnalysis is entered once.")
        self._loan = Loan(self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loan is not None:
            self._loan.end()

    @quiet
    def get(self, img: NDArray[np.uint8] | ImageUpload, max_num: int = 0) -> list[LentFace]:
        """Find the faces.

        Args:
            img: (H, W, 3) uint8, BGR as OpenCV reads, which is handed to the child without loss and not kept; or an
                upload of the request, which saves decoding it in the worker.
            max_num: how many at most, 0 for all.

        Returns:
            Largest first, where insightface has the best score first. What was not read of an earlier result before
            this is called again is gone: the arena was taken, and asking raises `RequestClosedError`.

        Raises:
            ShapeError: the array is none such.
            RequestClosedError: the block or the request is over.
        """
        if self._loan is None:
            raise RequestClosedError("A FaceAnalysis works inside its with block.")
        self._loan.check()
        if isinstance(img, ImageUpload):
            upload = img
        else:
            with Scratch() as scratch:
                upload = self._request.admit(scratch(bitmap(img)).data, "image")
        faces = self._request.analyze(upload, subject=self._subject)
        return self._lent(faces, max_num)

    def _lent(self, faces: FaceSet, max_num: int) -> list[LentFace]:
        assert self._loan is not None  # noqa: S101
        with faces.expose("confidence") as confidence:
            wanted = np.flatnonzero(confidence >= self._threshold)
        if max_num > 0:
            wanted = wanted[:max_num]
        return [LentFace(faces[int(index)], self._loan) for index in wanted]


def lent(face: Face) -> AbstractContextManager[LentFace]:
    """One face of facegate as insightface's, for a block.

    Args:
        face: of an analysis.

    Returns:
        A context manager that gives a `LentFace`.

    Raises:
        RequestClosedError: the request is over.
    """
    return _lent(face)


@contextmanager
def _lent(face: Face) -> Iterator[LentFace]:
    loan = Loan(request_of(face))
    try:
        yield LentFace(face, loan)
    finally:
        loan.end()
